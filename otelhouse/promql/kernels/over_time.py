"""The `..._over_time` that need one pass over a window."""

from __future__ import annotations

import math

from numba import njit, types

from otelhouse.promql.kernels.kahan import add
from otelhouse.promql.kernels.signatures import F64, I64, RESULT, WINDOWS

COUNT, FIRST, LAST, STDDEV, STDVAR, CHANGES, RESETS, MAX_TIME, MIN_TIME, LAST_TIME, FIRST_TIME = range(11)
"""What to compute of a window; the times are those of its extreme samples, in seconds."""


@njit(types.float64(F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def total(values, low, high):
    """Compensated."""
    found, lost = 0.0, 0.0
    for i in range(low, high):
        found, lost = add(values[i], found, lost)
    return found if math.isinf(found) else found + lost


@njit(types.float64(F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def mean(values, low, high):
    """By the sum; from where that overflows, incrementally."""
    found, lost = values[low], 0.0
    incremental = False
    for i in range(low + 1, high):
        count = float(i - low + 1)
        if not incremental:
            more, more_lost = add(values[i], found, lost)
            if not math.isinf(more):
                found, lost = more, more_lost
                continue
            incremental = True
            found, lost = found / (count - 1), lost / (count - 1)
        share = (count - 1) / count
        found, lost = add(values[i] / count, share * found, share * lost)
    if incremental:
        return found + lost
    return found / (high - low) + lost / (high - low)


@njit(types.float64(F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def variance(values, low, high):
    """Of the whole population, by Welford's way, compensated."""
    middle, middle_lost, squares, squares_lost = 0.0, 0.0, 0.0, 0.0
    for i in range(low, high):
        away = values[i] - (middle + middle_lost)
        middle, middle_lost = add(away / (i - low + 1), middle, middle_lost)
        squares, squares_lost = add(away * (values[i] - (middle + middle_lost)), squares, squares_lost)
    return (squares + squares_lost) / (high - low)


@njit(types.int64(F64, types.int64, types.int64, types.boolean), nogil=True, cache=True, error_model="numpy")
def extreme(values, low, high, largest):
    """Where the largest (smallest) stands; of equal ones the newest. NaN only if there is nothing else."""
    at = low
    for i in range(low + 1, high):
        value, best = values[i], values[at]
        if math.isnan(best) or (value >= best if largest else value <= best):
            at = i
    return at


@njit(types.int64(F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def changes(values, low, high):
    """How often a value differs from the one before; NaN does not differ from NaN."""
    found = 0
    for i in range(low + 1, high):
        value, before = values[i], values[i - 1]
        found += value != before and not (math.isnan(value) and math.isnan(before))
    return found


@njit(types.int64(F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def resets(values, low, high):
    """How often a value is less than the one before."""
    found = 0
    for i in range(low + 1, high):
        found += values[i] < values[i - 1]
    return found


@njit(types.float64(types.int64, I64, F64, types.int64, types.int64), nogil=True, cache=True, error_model="numpy")
def reduced(what, times, values, low, high):
    """Of a window that is not empty."""
    if what == COUNT:
        return float(high - low)
    if what == FIRST:
        return values[low]
    if what == LAST:
        return values[high - 1]
    if what == STDVAR:
        return variance(values, low, high)
    if what == STDDEV:
        return math.sqrt(variance(values, low, high))
    if what == CHANGES:
        return float(changes(values, low, high))
    if what == RESETS:
        return float(resets(values, low, high))
    if what == LAST_TIME:
        return times[high - 1] / 1000
    if what == FIRST_TIME:
        return times[low] / 1000
    return times[extreme(values, low, high, what == MAX_TIME)] / 1000


@njit(types.void(*WINDOWS, types.int64, *RESULT), nogil=True, cache=True, error_model="numpy")
def over_time(offsets, times, values, ends, range_ms, what, out, present):
    """Windows without samples have no value."""
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            present[s, k] = high > low
            out[s, k] = reduced(what, times, values, low, high) if high > low else 0.0
