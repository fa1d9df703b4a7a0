"""sum_over_time, avg_over_time of series of whole numbers: their sums have no error, so that windows can slide."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.over_time import mean, total
from otelhouse.promql.kernels.signatures import RESULT, WINDOWS

_EXACT = 2.0**53


@njit(types.void(*WINDOWS, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def sums(offsets, times, values, ends, range_ms, average, out, present):
    """The sum, or the `average`. All other series are summed window by window, compensated."""
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    before = np.empty(longest + 1)  # before[i]: the sum of a series' first i values
    before[0] = 0.0
    for s in range(len(offsets) - 1):
        first = low = high = offsets[s]
        end = offsets[s + 1]
        size, whole = 0.0, True
        for i in range(first, end):
            size += abs(values[i])
            whole &= values[i] == np.floor(values[i])
            before[i - first + 1] = before[i - first] + values[i]
        exact = whole and size < _EXACT
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            present[s, k] = high > low
            if high == low:
                out[s, k] = 0.0
            elif exact:
                found = before[high - first] - before[low - first]
                out[s, k] = found / (high - low) if average else found
            else:
                out[s, k] = mean(values, low, high) if average else total(values, low, high)
