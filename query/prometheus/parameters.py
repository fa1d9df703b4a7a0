"""Parameters of a request in the forms that Prometheus accepts; its messages where they are none.

Times: seconds since the epoch with decimals, or RFC 3339. Durations: seconds with decimals, or as `1h30m`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from query import timestamps
from query.prometheus.errors import bad_data, invalid_parameter

MIN_MS, MAX_MS = -292_273_086 * 31_556_952_000, 292_277_025 * 31_556_952_000
"""So far as Prometheus' times go, about; what no start and no end stand for."""
_MIN_TEXT, _MAX_TEXT = "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z"
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS_MS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_LONGEST_MS = (1 << 63) // 1_000_000
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class Parameters:
    """Of a form's body, then of the address; of several values of a name the first counts, unless all are asked for."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """Empty if it is not there."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def time_ms(self, name: str, default: int | None = None) -> int:
        """Raises ApiError for what is no time, and where nothing is given and there is no default."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return time_ms(text)
        except ValueError as error:
            raise invalid_parameter(name, _in_place(name, str(error), default)) from None

    def duration_ms(self, name: str) -> float:
        """Raises ApiError for what is no duration."""
        try:
            return duration_ms(self.text(name))
        except ValueError as error:
            raise invalid_parameter(name, str(error)) from None

    def limit(self) -> int:
        """0: none. Raises ApiError."""
        text = self.text("limit")
        if not text:
            return 0
        try:
            limit = integer(text)
        except ValueError as error:
            raise invalid_parameter("limit", str(error)) from None
        if limit < 0:
            raise invalid_parameter("limit", "limit must be non-negative")
        return limit


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Of an address' query or a form's body. Raises ApiError for what is too much."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=10_000, errors="replace")
    except ValueError:
        raise bad_data("error parsing form values: too many") from None


def time_ms(text: str) -> int:
    """Milliseconds since the epoch. Raises ValueError with Prometheus' message."""
    if _FLOAT.fullmatch(text):
        seconds = float(text)
        if math.isfinite(seconds) and abs(seconds) * 1000 <= MAX_MS:
            whole = math.floor(seconds) if seconds >= 0 else math.ceil(seconds)
            return whole * 1000 + _rounded((seconds - whole) * 1000)
    if text in (_MIN_TEXT, _MAX_TEXT):
        return MIN_MS if text == _MIN_TEXT else MAX_MS
    try:
        return timestamps.parse(text) // 1_000_000
    except ValueError:
        raise ValueError(f"cannot parse {_quoted(text)} to a valid timestamp") from None


def duration_ms(text: str) -> float:
    """Milliseconds, with decimals. Raises ValueError with Prometheus' message."""
    found: float | None = None
    if _FLOAT.fullmatch(text):
        found = float(text) * 1000
    elif text == "0":
        found = 0
    elif text and (match := _DURATION.fullmatch(text)):
        found = sum(int(each or 0) * unit for each, unit in zip(match.groups(), _UNITS_MS, strict=True))
    if found is None:
        raise ValueError(f"cannot parse {_quoted(text)} to a valid duration")
    if not abs(found) < _LONGEST_MS:
        raise ValueError(f"cannot parse {_quoted(text)} to a valid duration. It overflows int64")
    return found


def integer(text: str) -> int:
    """Raises ValueError with Go's message."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"strconv.Atoi: parsing {_quoted(text)}: invalid syntax")
    if not -(1 << 63) <= int(text[:25]) < 1 << 63:
        raise ValueError(f"strconv.Atoi: parsing {_quoted(text)}: value out of range")
    return int(text)


def _rounded(value: float) -> int:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def _in_place(name: str, message: str, default: int | None) -> str:
    return message if default is None else f"invalid time value for '{name}': {message}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check_order(start_ms: int, end_ms: int) -> None:
    """Raises ApiError if it ends before it starts."""
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
