"""Instant selectors: a series' newest sample within the look-back, unless it is a stale marker."""

from __future__ import annotations

from numba import njit, types

from otelhouse.promql.kernels.signatures import RESULT, U64, WINDOWS
from otelhouse.promql.kernels.stale import STALE


@njit(types.void(*WINDOWS, U64, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def newest(offsets, times, values, ends, lookback_ms, bits, own_times, out, present):
    """`own_times`: the sample's time in seconds instead of its value. `bits` are the values' own."""
    for s in range(len(offsets) - 1):
        high, end = offsets[s], offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            at = high - 1
            found = at >= offsets[s] and times[at] > ends[k] - lookback_ms and bits[at] != STALE
            present[s, k] = found
            if found:
                out[s, k] = times[at] / 1000 if own_times else values[at]
            else:
                out[s, k] = 0.0
