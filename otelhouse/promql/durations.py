"""Durations, and Prometheus' arithmetic on them: `5m`, `1h30m`, `300`, `(5m + 1m) * 2`."""

from __future__ import annotations

import math
import re

from otelhouse.promql.errors import PromQLError

_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_MS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_NUMBER = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MOST_LETTERS = 100
"""Longer ones overflow."""
_MOST_MS = (1 << 63) // 1_000_000


def seconds(text: str) -> float | None:
    """What a word such as `1h30m` or `0x10` comes to; None if it is none."""
    if len(text) > _MOST_LETTERS:
        return None
    if _NUMBER.fullmatch(text):
        plain = text.replace("_", "")
        return float(int(plain, 16)) if plain[:2].lower() == "0x" else float(plain)
    if (found := _DURATION.fullmatch(text)) and text:
        return sum(int(each or 0) * unit for each, unit in zip(found.groups(), _UNITS_MS, strict=True)) / 1000
    return None


def plain(ms: int) -> str:
    """A positive duration, as the library reads it: none of its numbers may exceed 32 bits."""
    years, rest = divmod(ms, _UNITS_MS[0])
    seconds_, rest = divmod(rest, 1_000)
    return "".join(f"{count}{unit}" for count, unit in ((years, "y"), (seconds_, "s"), (rest, "ms")) if count)


class DurationArithmetic:
    """Reads tokens (kind, text) from `at` on; each method gives ms, or None where none stands there."""

    def __init__(self, tokens: list[tuple[str, str]], at: int) -> None:
        self._tokens = tokens
        self.at = at

    def sum(self) -> int | None:
        """As far as it goes."""
        return _ms(self._sum())

    def unary(self) -> int | None:
        """With its sign; without parentheses, operators after it belong to the expression around."""
        sign = 1
        while self._next() in ("+", "-"):
            sign = -sign if self._next() == "-" else sign
            self.at += 1
        found = self._primary()
        return _ms(None if found is None else sign * found)

    def _next(self) -> str:
        return self._tokens[self.at][1] if self.at < len(self._tokens) else ""

    def _sum(self) -> float | None:
        left = self._product()
        while left is not None and (sign := self._next()) in ("+", "-"):
            self.at += 1
            if (right := self._product()) is None:
                return None
            left = left + right if sign == "+" else left - right
        return left

    def _product(self) -> float | None:
        left = self._signed()
        while left is not None and (sign := self._next()) in ("*", "/", "%"):
            self.at += 1
            if (right := self._signed()) is None:
                return None
            if sign != "*" and right == 0:
                raise PromQLError("division by zero" if sign == "/" else "modulo by zero")
            left = left * right if sign == "*" else left / right if sign == "/" else math.fmod(left, right)
        return left

    def _signed(self) -> float | None:
        if (sign := self._next()) in ("+", "-"):
            self.at += 1
            found = self._signed()
            return found if found is None or sign == "+" else -found
        return self._power()

    def _power(self) -> float | None:
        left = self._primary()
        if left is None or self._next() != "^":
            return left
        self.at += 1
        if (right := self._signed()) is None:
            return None
        try:
            return math.pow(left, right)
        except (ValueError, OverflowError):
            raise PromQLError("duration out of range") from None

    def _primary(self) -> float | None:
        if self._next() == "(":
            self.at += 1
            found = self._sum()
            if self._next() != ")":
                return None
            self.at += 1
            return found
        if (found := seconds(self._next())) is not None:
            self.at += 1
        return found


def _ms(value: float | None) -> int | None:
    if value is None:
        return None
    if not abs(value * 1000) < _MOST_MS:
        raise PromQLError("duration out of range")
    return round(value * 1000)
