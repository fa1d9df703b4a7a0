"""What the library's parser cannot read, or reads otherwise than Prometheus, is rewritten before: token by token.

`promql-parser` follows Prometheus 2.45. What is newer, and what it gets wrong, is rewritten token by token before:

    1_000, 0x_ff              underscores between digits
    `a\\b`                    another quotation: the library looks for escapes in this one
    sum by (a:b)              quoted
    anchored, smoothed        {"anchored"}: to the library they are keywords, as they are to later Prometheus
    a @ -5, a @ 1e9           a number of the table `at_ms`: the library panics below zero
    a offset 0s, offset (5m)  no offset, or a plain one
    {x=~"\\\\Qa.b\\\\E"}          a number of the table `patterns`: the library's regular expressions are not RE2's
    [5m + 2 * 1m]             what the arithmetic comes to: Prometheus' feature promql-duration-expr
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import promql_parser

from otelhouse.promql.durations import DurationArithmetic, plain
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.patterns import matches
from otelhouse.promql.tokens import Token

_DIGITS = r"\d+(?:_\d+)*"
_UNDERSCORES = re.compile(
    rf"0[xX](?:_?[0-9a-fA-F])+|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?"
)
_GROUPINGS = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_NEWER = frozenset(("anchored", "smoothed", "fill", "fill_left", "fill_right"))
"""Keywords of the library that are names in Prometheus 3.5."""
_INT64_MS = 1 << 63


@dataclass(slots=True)
class Desugaring:
    """Of one expression; `at` is the token that comes next."""

    tokens: list[Token]
    at: int = 0
    written: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    in_braces: bool = False

    def run(self) -> str:
        """The text that the library is to read; it leaves the tables filled. Raises PromQLError."""
        while self.at < len(self.tokens):
            kind, text = self.tokens[self.at]
            if kind == "string" and self._before() in ("=~", "!~"):
                self._pattern(text)
            elif text.startswith("`"):
                self._raw(text)
            elif kind == "number":
                self._number(text)
            elif kind == "word" and text.lower() in _GROUPINGS and self._text(1) == "(":
                self._grouping()
            elif kind == "word" and text.lower() in _NEWER and not self.in_braces:
                self._name(text)
            elif text == "@":
                self._time()
            elif kind == "word" and text.lower() == "offset" and self._may_be_modifier():
                self._offset()
            elif text == "[":
                self._brackets()
            else:
                self.in_braces = text == "{" or (self.in_braces and text != "}")
                self._keep()
        return " ".join(self.written)

    def _before(self) -> str:
        return self.tokens[self.at - 1][1] if self.at else ""

    def _text(self, ahead: int) -> str:
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else ""

    def _keep(self) -> None:
        self.written.append(self.tokens[self.at][1])
        self.at += 1

    def _number(self, text: str) -> None:
        # All else that has underscores is no number for Prometheus either: the library says so.
        self.written.append(text.replace("_", "") if _UNDERSCORES.fullmatch(text) else text)
        self.at += 1

    def _raw(self, text: str) -> None:
        escaped = text[1:-1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
        self.written.append(f'"{escaped}"')
        self.at += 1

    def _pattern(self, text: str) -> None:
        pattern = literal(text)
        # The stand-in matches the empty string if the pattern does: the library wants one matcher that does not.
        self.written.append(f'"{len(self.patterns)}{"|" if matches(pattern, "") else ""}"')
        self.patterns.append(pattern)
        self.at += 1

    def _name(self, text: str) -> None:
        if text.lower().startswith("fill"):
            if self._text(1) == "(":
                raise PromQLError(f'unknown function with name "{text}"')
            self._keep()
            return
        self.at += 1
        self.written.append(f'{{"{text}"')
        if self._text(0) == "{":
            self.at += 1
            self.in_braces = True
            self.written.append("," if self._text(0) != "}" else "")
        else:
            self.written.append("}")

    def _grouping(self) -> None:
        self._keep()
        while self.at < len(self.tokens) and self._text(0) != ")":
            kind, text = self.tokens[self.at]
            self.tokens[self.at] = (
                kind,
                f'"{text}"' if kind == "word" and (":" in text or text.lower() in _NEWER) else text,
            )
            self._keep()

    def _time(self) -> None:
        self._keep()
        signs = 0
        while self._text(signs) in ("+", "-"):
            signs += 1
        if self.at + signs >= len(self.tokens) or self.tokens[self.at + signs][0] != "number" or signs > 1:
            return  # start(), end(), or an error that the library finds
        at_ms = float(literal(self._text(signs).replace("_", ""))) * 1000 * (-1 if self._text(0) == "-" else 1)
        if not math.isfinite(at_ms) or abs(at_ms) >= _INT64_MS:
            raise PromQLError(f"timestamp out of bounds for @ modifier: {at_ms / 1000:f}")
        self.written.append(str(len(self.at_ms)))
        self.at_ms.append(math.floor(abs(at_ms) + 0.5) * (-1 if at_ms < 0 else 1))
        self.at += signs + 1

    def _may_be_modifier(self) -> bool:
        following, before = self._text(1), self.tokens[self.at - 1] if self.at else ("operator", "")
        if before[0] == "operator" and before[1] not in ("}", ")", "]"):
            return False  # it is a metric's name
        return following in ("(", "+", "-") or following[:1].isdigit() or following[:1] == "."

    def _offset(self) -> None:
        kept = self.at
        arithmetic = DurationArithmetic(self.tokens, self.at + 1)
        if (ms := arithmetic.unary()) is None:
            self.at = kept
            self._keep()
            return
        self.at = arithmetic.at
        if ms:
            self.written.append(f"offset {plain(ms)}" if ms > 0 else f"offset -{plain(-ms)}")
        elif "offset" in self.written[-2:]:
            raise PromQLError("offset may not be set multiple times")

    def _brackets(self) -> None:
        """`[range]` or `[range:step]`."""
        self._keep()
        while self.at < len(self.tokens) and self._text(0) not in ("]", ":"):
            arithmetic = DurationArithmetic(self.tokens, self.at)
            if (ms := arithmetic.sum()) is None:
                self._keep()
                continue
            if ms <= 0:
                raise PromQLError("duration must be greater than 0")
            self.written.append(plain(ms))
            self.at = arithmetic.at
            if self._text(0) == ":":
                self._keep()


def literal(text: str) -> Any:
    """The value of a number or a string."""
    if text.startswith("`"):
        return text[1:-1].replace("\r", "")
    found: Any = promql_parser.parse(text)
    return found.val
