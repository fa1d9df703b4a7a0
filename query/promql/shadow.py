"""How far an answer that was made of recorded points is from one that was not."""

from __future__ import annotations

import math

import numpy as np

from otelhouse.promql.engine import Result
from query.metrics import COMPARED, LARGEST_ERROR, SAVED_SECONDS

EQUAL = 1e-9
"""Sums of floating-point numbers in another order differ by less, relative to the larger one."""


def difference(left: Result, right: Result) -> float:
    """The largest relative difference of two values; infinite where only one of them has a value."""
    rows = {frozenset(labels.items()): row for row, labels in enumerate(right.labels)}
    if len(left.labels) != len(right.labels) or any(frozenset(each.items()) not in rows for each in left.labels):
        return math.inf
    order = [rows[frozenset(labels.items())] for labels in left.labels]
    if not np.array_equal(left.present, right.present[order]):
        return math.inf
    a, b = left.values[left.present], right.values[order][left.present]
    differ = (a != b) & ~(np.isnan(a) & np.isnan(b))
    if not differ.any():
        return 0.0
    with np.errstate(all="ignore"):
        found = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    return float(np.nan_to_num(found[differ], nan=math.inf, posinf=math.inf).max())


def note(error: float, saved_seconds: float, largest: float) -> float:
    """Publish a comparison -> the largest error so far."""
    COMPARED.labels("equal" if error <= EQUAL else "different").inc()
    SAVED_SECONDS.inc(max(0.0, saved_seconds))
    largest = max(largest, error)
    LARGEST_ERROR.set(largest)
    return largest
