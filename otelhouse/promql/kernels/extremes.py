"""min_over_time, max_over_time: a queue of the samples that may still become a window's extreme, the best first."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.signatures import RESULT, WINDOWS


@njit(types.void(*WINDOWS, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def extremes(offsets, times, values, ends, range_ms, largest, out, present):
    """NaN only where a window has nothing else."""
    longest = 1
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    queue = np.empty(longest, np.int64)
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        head = tail = 0  # the queue is queue[head:tail]; a series' samples enter it once each at most
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                value = values[high]
                if not math.isnan(value):
                    while tail > head and (
                        values[queue[tail - 1]] < value if largest else values[queue[tail - 1]] > value
                    ):
                        tail -= 1
                    queue[tail] = high
                    tail += 1
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            while head < tail and queue[head] < low:
                head += 1
            present[s, k] = high > low
            out[s, k] = 0.0 if high == low else values[queue[head]] if head < tail else math.nan
