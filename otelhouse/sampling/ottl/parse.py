"""Text -> condition. Grammar: pkg/ottl/LANGUAGE.md; `or` binds less than `and`, and that less than `not`."""

from __future__ import annotations

import json
import re
from typing import cast

from otelhouse.sampling.ottl.tree import (
    Both,
    Call,
    Compare,
    CompareOp,
    Condition,
    Either,
    Literal,
    Math,
    MathOp,
    Not,
    Path,
    Truth,
    Value,
)

ENUMS = {
    **{f"STATUS_CODE_{name}": number for number, name in enumerate(("UNSET", "OK", "ERROR"))},
    **{
        f"SPAN_KIND_{name}": number
        for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
    },
}
_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"(?:\\.|[^\"\\])*\")"
    r"|(?P<number>\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+(?![xX\w]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>==|!=|<=|>=|<|>|[-+*/().,\[\]]))"
)
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")


class OttlError(ValueError):
    """The text is no condition of the subset."""


def parse(text: str) -> Condition:
    """Raises OttlError, saying where it stops to make sense."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text.rstrip()):
            token = _TOKEN.match(text, at)
            if token is None or token.lastgroup is None:
                raise OttlError(f"{text[at:].strip()[:30]!r} is not understood")
            self._tokens.append((token.lastgroup, token[token.lastgroup], at))
            at = token.end()
        self._at = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._at < len(self._tokens):
            raise self._wrong("unexpected")
        return found

    def _either(self) -> Condition:
        left = self._both()
        while self._took("or"):
            left = Either(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._one()
        while self._took("and"):
            left = Both(left, self._one())
        return left

    def _one(self) -> Condition:
        if self._took("not"):
            return Not(self._one())
        before = self._at
        try:
            return self._comparison()
        except OttlError:
            if not self._peek("(", before):
                raise
            # Not a value in parentheses: a condition.
            self._at = before + 1
            found = self._either()
            self._expect(")")
            return found

    def _comparison(self) -> Condition:
        left = self._sum()
        if self._at < len(self._tokens) and self._tokens[self._at][1] in _COMPARE:
            op = self._next()[1]
            return Compare(cast(CompareOp, op), left, self._sum())
        if isinstance(left, Call) or (isinstance(left, Literal) and isinstance(left.value, bool)):
            return Truth(left)
        raise self._wrong("a comparison is missing")

    def _sum(self) -> Value:
        left = self._product()
        while self._peek("+") or self._peek("-"):
            op = self._next()[1]
            left = Math(cast(MathOp, op), left, self._product())
        return left

    def _product(self) -> Value:
        left = self._value()
        while self._peek("*") or self._peek("/"):
            op = self._next()[1]
            left = Math(cast(MathOp, op), left, self._value())
        return left

    def _value(self) -> Value:
        kind, text, _ = self._next()
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "number":
            return Literal(float(text) if "." in text or "e" in text.lower() else int(text))
        if text == "-" and self._at < len(self._tokens) and self._tokens[self._at][0] == "number":
            number = self._value()
            if isinstance(number, Literal) and isinstance(number.value, int | float):
                return Literal(-number.value)
        if text == "(":
            found = self._sum()
            self._expect(")")
            return found
        if kind == "word":
            return self._word(text)
        self._at -= 1
        raise self._wrong("a value is missing")

    def _word(self, text: str) -> Value:
        if text in ("true", "false"):
            return Literal(text == "true")
        if text == "nil":
            return Literal(None)
        if text in ENUMS:
            return Literal(ENUMS[text])
        if text[0].isupper():
            return self._call(text)
        if text in ("and", "or", "not"):
            raise OttlError(f"{text!r} is in the wrong place")
        return self._path(text)

    def _call(self, name: str) -> Value:
        if not self._took("("):
            raise OttlError(f"{name!r} is no enum that is known here")
        arguments: list[Value] = []
        while not self._took(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._sum())
        return Call(name, tuple(arguments))

    def _path(self, first: str) -> Value:
        names = [first]
        while self._took("."):
            names.append(self._next()[1])
        key = None
        if self._took("["):
            kind, text, _ = self._next()
            if kind != "string":
                raise OttlError(f"the key of {'.'.join(names)} must be text")
            key = _unquoted(text)
            self._expect("]")
            if self._peek("["):
                raise OttlError(f"a key within a value of {'.'.join(names)} is not supported")
        return Path(tuple(names), key)

    def _next(self) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            raise OttlError("it ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self, text: str, at: int | None = None) -> bool:
        at = self._at if at is None else at
        return at < len(self._tokens) and self._tokens[at][1] == text and self._tokens[at][0] != "string"

    def _took(self, text: str) -> bool:
        found = self._peek(text)
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._took(text):
            raise self._wrong(f"{text!r} is missing")

    def _wrong(self, what: str) -> OttlError:
        rest = self._text[self._tokens[self._at][2] :].strip() if self._at < len(self._tokens) else ""
        return OttlError(f"{what} at {rest[:30]!r}" if rest else f"{what} at the end")


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise OttlError(f"{text} has an escape that is not known here") from None
