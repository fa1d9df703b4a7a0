"""Samples of a series as evaluation wants them: by time, each time once."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit("int64(int64)", nogil=True, cache=True)
def rank(bits):
    """Larger for the larger double; NaNs are below all numbers, in the order of their bits."""
    size = bits & 0x7FFFFFFFFFFFFFFF
    if size > 0x7FF0000000000000:
        return size - 0x7FF0000000000001 - 0x7FFFFFFFFFFFFFFF - 1
    return size if bits >= 0 else -size - 1


@njit("int64(int64[::1], int64[::1], int64[::1])", nogil=True, cache=True)
def settle(offsets, times, bits):
    """Bring each series into order, each time once; all move together. Returns how many samples stay."""
    kept = 0
    for series in range(len(offsets) - 1):
        start, end = offsets[series], offsets[series + 1]
        ascends = True
        for at in range(start + 1, end):
            if times[at] < times[at - 1]:
                ascends = False
                break
        if not ascends:
            order = np.argsort(times[start:end], kind="mergesort")
            times[start:end] = times[start:end][order]
            bits[start:end] = bits[start:end][order]
        offsets[series] = kept
        for at in range(start, end):
            if kept > offsets[series] and times[kept - 1] == times[at]:
                if rank(bits[at]) > rank(bits[kept - 1]):
                    bits[kept - 1] = bits[at]
            else:
                times[kept] = times[at]
                bits[kept] = bits[at]
                kept += 1
    offsets[len(offsets) - 1] = kept
    return kept
