"""RFC 3339 times to and from nanoseconds since the epoch (Python's datetime stops at microseconds)."""

from __future__ import annotations

import re
from datetime import date

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000_000
_DAY = 86_400

# DateTime64(9) is 64 signed bits of nanoseconds, from 1900 on.
_EARLIEST = (date(1900, 1, 1).toordinal() - _EPOCH) * _DAY * _SECOND
_LATEST = (1 << 63) - 1


def parse(text: str) -> int:
    """Nanoseconds since the epoch. Raises ValueError with a message for the client."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-01-31T23:59:59.123456789Z")
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hours, offset_minutes = match.group(7, 8, 9, 10)
    if hour > 23 or minute > 59 or second > 60 or int(offset_hours or 0) > 23 or int(offset_minutes or 0) > 59:
        raise ValueError(f"{text!r} has no such time of day or offset")
    if len(fraction or "") > 9:
        raise ValueError(f"{text!r} is finer than a nanosecond")
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise ValueError(f"{text!r} has no such day") from None
    offset = (int(offset_hours) * 3600 + int(offset_minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    seconds = days * _DAY + hour * 3600 + minute * 60 + second - offset
    nanoseconds = seconds * _SECOND + int((fraction or "").ljust(9, "0"))
    if not _EARLIEST <= nanoseconds <= _LATEST:
        raise ValueError(f"{text!r} is not between the years 1900 and 2262")
    return nanoseconds


def render(nanoseconds: int) -> str:
    """In UTC, with 0, 3, 6 or 9 digits of a second: as few as say it all."""
    seconds, fraction = divmod(nanoseconds, _SECOND)
    days, rest = divmod(seconds, _DAY)
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    day = date.fromordinal(days + _EPOCH).isoformat()
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{day}T{clock}{'.' + digits if digits else ''}Z"
