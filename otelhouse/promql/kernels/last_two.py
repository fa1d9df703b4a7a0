"""irate, idelta: the change between a window's last two samples."""

from __future__ import annotations

from numba import njit, types

from otelhouse.promql.kernels.signatures import MASK, RESULT, WINDOWS


@njit(types.void(*WINDOWS, MASK, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def last_change(offsets, times, values, ends, range_ms, delta, is_rate, out, present):
    """`is_rate`: of a counter, per second. Series of `delta` temporality are then summed over the window instead."""
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            if is_rate and delta[s]:
                total = 0.0
                for i in range(low, high):
                    total += values[i]
                present[s, k] = high > low
                out[s, k] = total / (range_ms / 1000)
                continue
            present[s, k] = high - low >= 2
            out[s, k] = 0.0
            if high - low < 2:
                continue
            last, before = values[high - 1], values[high - 2]
            found = last if is_rate and last < before else last - before
            out[s, k] = found / ((times[high - 1] - times[high - 2]) / 1000) if is_rate else found
