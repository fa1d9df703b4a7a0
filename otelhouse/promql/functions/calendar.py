"""Parts of dates: values are seconds since the epoch, in UTC."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from schema.arrays import F64, I64

_DAY = 86_400
_UNTOLD = {
    "minute": 30, "hour": 15, "day_of_week": 0, "day_of_month": 4, "day_of_year": 339, "days_in_month": 31,
    "month": 12, "year": 292277026596,
}  # fmt: skip
"""What Prometheus says of NaN and of what is no int64: parts of the last second that an int64 can tell."""
_MOST = 2.0**63


def part(name: str, seconds: F64) -> F64:
    """Of any shape."""
    told = np.abs(seconds) < _MOST
    whole = np.where(told, seconds, 0).astype(np.int64)
    return np.where(told, PARTS[name](whole), float(_UNTOLD[name]))


def _date(seconds: I64) -> tuple[I64, I64, I64]:
    """-> year, month, day of the month; by eras of 400 years that begin in March."""
    days = seconds // _DAY + 719_468
    era, day = days // 146_097, days % 146_097
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = np.where(shifted < 10, shifted + 3, shifted - 9)
    return (year + era * 400 + (month <= 2)).astype(np.int64), month, of_year - (153 * shifted + 2) // 5 + 1


def _days_before(year: I64, month: I64) -> I64:
    """Days from the epoch to the first of a month."""
    year = year - (month <= 2)
    era, of_era = year // 400, year % 400
    of_year: I64 = (153 * np.where(month > 2, month - 3, month + 9) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _day_of_year(seconds: I64) -> I64:
    year = _date(seconds)[0]
    return seconds // _DAY - _days_before(year, np.ones_like(year)) + 1


def _days_in_month(seconds: I64) -> I64:
    year, month, _ = _date(seconds)
    following = np.where(month == 12, 1, month + 1)
    return _days_before(year + (month == 12), following) - _days_before(year, month)


PARTS: dict[str, Callable[[I64], I64]] = {
    "minute": lambda seconds: seconds // 60 % 60,
    "hour": lambda seconds: seconds // 3_600 % 24,
    "day_of_week": lambda seconds: (seconds // _DAY + 4) % 7,
    "day_of_month": lambda seconds: _date(seconds)[2],
    "day_of_year": _day_of_year,
    "days_in_month": _days_in_month,
    "month": lambda seconds: _date(seconds)[1],
    "year": lambda seconds: _date(seconds)[0],
}
