"""Classic histograms: quantiles and fractions of what was observed, out of cumulative buckets.

A group's buckets are the rows order[bounds[g]:bounds[g + 1]] of the vector, ascending by their upper limits[row].
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.signatures import F64, F64_2D, I64, MASK_2D, RESULT

_TOLERANCE = 1e-12
_LEAST_NORMAL = 2.2250738585072014e-308
_MOST = 1.7976931348623157e308


@njit("boolean(float64, float64)", nogil=True, cache=True, error_model="numpy")
def almost_equal(left, right):
    """Relative to their sum."""
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    both, apart = abs(left) + abs(right), abs(left - right)
    if left == 0 or right == 0 or both < _LEAST_NORMAL:
        return apart < _TOLERANCE * _LEAST_NORMAL
    return apart / min(both, _MOST) < _TOLERANCE


@njit("boolean(float64[::1], int64)", nogil=True, cache=True, error_model="numpy")
def make_monotonic(counts, size):
    """Counts must not fall from bucket to bucket -> had one to be raised? Differences of rounding are levelled too."""
    forced = False
    before = counts[0]
    for i in range(1, size):
        if counts[i] == before:
            continue
        if almost_equal(before, counts[i]):
            counts[i] = before
        elif counts[i] < before:
            counts[i] = before
            forced = True
        else:
            before = counts[i]
    return forced


@njit("float64(float64, float64[::1], float64[::1], int64)", nogil=True, cache=True, error_model="numpy")
def bucket_quantile(q, limits, counts, size):
    """The quantile of one histogram whose counts are monotonic, interpolated within its bucket."""
    if size < 2 or counts[size - 1] == 0:
        return math.nan
    rank = q * counts[size - 1]
    low, high = 0, size - 1  # the first but the last whose count is at least the rank
    while low < high:
        middle = (low + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            low = middle + 1
    if low == size - 1:
        return limits[size - 2]
    if low == 0 and limits[0] <= 0:
        return limits[0]
    start, count = 0.0, counts[low]
    if low > 0:
        start = limits[low - 1]
        count -= counts[low - 1]
        rank -= counts[low - 1]
    return start + (limits[low] - start) * (rank / count)


@njit("float64(float64, float64[::1], float64[::1], int64)", nogil=True, cache=True, error_model="numpy")
def rank_below(value, limits, counts, size):
    """How many observations lie below a value, interpolated."""
    rank = 0.0
    for i in range(size):
        lower = limits[i - 1] if i > 0 else -math.inf
        if lower >= value:
            return min(rank, counts[size - 1])
        if limits[i] > value:
            if i == 0:
                return math.nan  # Prometheus 3.5 lets the first bucket begin at -Inf, where nothing can be interpolated
            found = rank + (counts[i] - rank) * (value - lower) / (limits[i] - lower)
            return counts[size - 1] if found > counts[size - 1] else found
        rank = counts[i]
    return counts[size - 1]


@njit("float64(float64, float64, float64[::1], float64[::1], int64)", nogil=True, cache=True, error_model="numpy")
def bucket_fraction(lower, upper, limits, counts, size):
    """Which part of the observations lies between two values."""
    count = counts[size - 1]
    if count == 0 or math.isnan(lower) or math.isnan(upper) or math.isnan(count):
        return math.nan
    if lower >= upper:
        return 0.0
    return (rank_below(upper, limits, counts, size) - rank_below(lower, limits, counts, size)) / count


@njit(
    types.boolean(F64_2D, MASK_2D, I64, I64, F64, types.boolean, F64, F64, *RESULT), nogil=True, cache=True
)  # fmt: skip
def histograms(values, present, order, bounds, limits, fraction, first, second, out, there):
    """The quantile first[k], or the `fraction` from first[k] to second[k] -> had any counts to be made monotonic?"""
    forced = False
    uppers, counts = np.empty(len(order)), np.empty(len(order))
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            size = 0
            for i in range(bounds[g], bounds[g + 1]):
                row = order[i]
                if not present[row, k]:
                    continue
                if size > 0 and uppers[size - 1] == limits[row]:
                    counts[size - 1] += values[row, k]  # `1` and `1.0`
                else:
                    uppers[size], counts[size] = limits[row], values[row, k]
                    size += 1
            there[g, k] = size > 0
            out[g, k] = 0.0
            if size == 0:
                continue
            if not fraction and (math.isnan(first[k]) or first[k] < 0 or first[k] > 1):
                out[g, k] = math.nan if math.isnan(first[k]) else -math.inf if first[k] < 0 else math.inf
            elif uppers[size - 1] != math.inf:
                out[g, k] = math.nan
            elif fraction:
                out[g, k] = bucket_fraction(first[k], second[k], uppers, counts, size)
            else:
                forced |= make_monotonic(counts, size)
                out[g, k] = bucket_quantile(first[k], uppers, counts, size)
    return forced
