"""double_exponential_smoothing: level and trend of a window, the newest weighing most."""

from __future__ import annotations

from numba import njit, types

from otelhouse.promql.kernels.signatures import F64, RESULT, WINDOWS


@njit(types.void(*WINDOWS, F64, F64, *RESULT), nogil=True, cache=True, error_model="numpy")
def smoothed(offsets, times, values, ends, range_ms, level_factors, trend_factors, out, present):
    """Factors by step, each between 0 and 1."""
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            present[s, k] = high - low >= 2
            out[s, k] = 0.0
            if high - low < 2:
                continue
            before, level, trend = 0.0, values[low], values[low + 1] - values[low]
            for i in range(low + 1, high):
                if i > low + 1:
                    trend = trend_factors[k] * (level - before) + (1 - trend_factors[k]) * trend
                before, level = level, level_factors[k] * values[i] + (1 - level_factors[k]) * (level + trend)
            out[s, k] = level
