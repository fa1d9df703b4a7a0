"""rate, increase, delta: the change over a window, extrapolated to its ends."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.signatures import F64, MASK, OWN_I64, RESULT, WINDOWS

_THRESHOLD = 1.1
"""Of samples' mean distance: if a window's end is farther from its sample, the series begins or ends in between."""

_NEARLY = 1 + 1e-9
"""Products that are rounded say so when a quotient may be the smaller."""


@njit(types.int64(F64, types.int64, OWN_I64), nogil=True, cache=True, error_model="numpy")
def find_resets(values, first, resets):
    """Fills in where values fall, counted from `first` -> how often."""
    after, before = values[1:], values[:-1]
    falls = 0
    for i in range(len(after)):  # most series have none, and this is all that they cost
        falls += after[i] < before[i]
    if falls == 0:
        return 0
    count = 0
    for i in range(len(after)):
        if after[i] < before[i]:
            resets[count] = first + i + 1
            count += 1
    return count


@njit(types.void(*WINDOWS, MASK, types.boolean, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def change(offsets, times, values, ends, range_ms, delta, counter, per_second, out, present):
    """A `counter` counts on after a reset. Series of `delta` temporality are summed over the window instead."""
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    resets = np.empty(longest, np.int64)
    seconds = range_ms / 1000 if per_second else 1.0
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        count = find_resets(values[low:end], low, resets) if counter and not delta[s] else 0
        first_reset = 0
        for k in range(len(ends)):
            start = ends[k] - range_ms
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= start:
                low += 1
            if counter and delta[s]:
                total = 0.0
                for i in range(low, high):
                    total += values[i]
                present[s, k] = high > low
                out[s, k] = total / seconds
                continue
            if high - low < 2:
                present[s, k] = False
                out[s, k] = 0.0
                continue
            found = values[high - 1] - values[low]
            while first_reset < count and resets[first_reset] <= low:
                first_reset += 1
            for r in range(first_reset, count):
                if resets[r] >= high:
                    break
                found += values[resets[r] - 1]
            # In seconds, and in this order, as Prometheus does it: the last digit decides which of equals `topk` takes.
            sampled = (times[high - 1] - times[low]) / 1000
            mean = sampled / (high - low - 1)
            farthest = mean * _THRESHOLD
            to_start, to_end = (times[low] - start) / 1000, (ends[k] - times[high - 1]) / 1000
            if to_start >= farthest:
                to_start = mean / 2
            # A counter was never below zero. Most are far from it: they are spared the division.
            if counter and found > 0 and values[low] >= 0 and sampled * values[low] <= to_start * found * _NEARLY:
                to_start = min(to_start, sampled * (values[low] / found))
            if to_end >= farthest:
                to_end = mean / 2
            factor = (sampled + to_start + to_end) / sampled
            present[s, k] = True
            out[s, k] = found * (factor / seconds)
