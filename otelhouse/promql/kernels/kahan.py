"""Neumaier's compensated sum, as Prometheus adds: a total and what rounding has lost of it."""

from __future__ import annotations

import math

from numba import njit


@njit("UniTuple(float64, 2)(float64, float64, float64)", nogil=True, cache=True, error_model="numpy")
def add(value, total, lost):
    """-> (total, lost) with one value more."""
    found = total + value
    if math.isinf(found):
        return found, 0.0
    if abs(total) >= abs(value):
        lost += (total - found) + value
    else:
        lost += (value - found) + total
    return found, lost
