"""Rate, errors and durations of a group of rows of `red`: how they are added up, and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from query.plan.tree import Alias, Column, Number, call, equals
from query.read.buckets import merged, percentile

_ERROR = 2
REQUESTS = "f_requests"

SUMS = (
    Alias(call("sum", Column("requests")), REQUESTS),
    Alias(call("sumIf", Column("requests"), equals(Column("status"), Number(_ERROR))), "f_errors"),
    merged("f_durations"),
)
"""Columns of a group, as `red_of` takes them."""


class Red(NamedTuple):
    """Rate in requests per second, errors as a share of 1, durations in milliseconds, within 2.2 %."""

    request_rate: float
    error_rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def red_of(seconds: float, requests: float, errors: float, durations: tuple[Sequence[int], Sequence[float]]) -> Red:
    """Of the columns of SUMS in a range of so many seconds."""
    return Red(
        requests / seconds,
        errors / requests if requests else 0.0,
        *((percentile(share, *durations) or 0.0) / 1e6 for share in (0.5, 0.95, 0.99)),
    )
