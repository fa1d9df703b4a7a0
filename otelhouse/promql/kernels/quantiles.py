"""quantile_over_time, mad_over_time: what needs a window's values in order."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.signatures import F64, RESULT, WINDOWS


@njit("float64(float64, float64[::1])", nogil=True, cache=True, error_model="numpy")
def quantile(q, values):
    """Of values that may be put into order, NaN being the smallest; interpolated."""
    count = len(values)
    if count == 0 or math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    values.sort()
    missing = 0  # numpy puts NaN last
    while missing < count and math.isnan(values[count - 1 - missing]):
        missing += 1
    rank = q * (count - 1)
    lower = max(0, int(rank))
    upper = min(count - 1, lower + 1)
    weight = rank - math.floor(rank)
    below = math.nan if lower < missing else values[lower - missing]
    above = math.nan if upper < missing else values[upper - missing]
    return below * (1 - weight) + above * weight


@njit(types.void(*WINDOWS, types.boolean, F64, *RESULT), nogil=True, cache=True, error_model="numpy")
def quantile_over_time(offsets, times, values, ends, range_ms, deviation, quantiles, out, present):
    """The quantiles[k] at step k; `deviation`: the median of distances from the median instead."""
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            present[s, k] = high > low
            out[s, k] = 0.0
            if high == low:
                continue
            window = values[low:high].copy()
            if deviation:
                out[s, k] = quantile(0.5, np.abs(window - quantile(0.5, window.copy())))
            else:
                out[s, k] = quantile(quantiles[k], window)
