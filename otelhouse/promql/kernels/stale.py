"""Stale markers: the NaN by which Prometheus says that a series has ended."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.signatures import F64, I64, OWN_F64, OWN_I64, U64

STALE = np.uint64(0x7FF0000000000002)


@njit(types.boolean(U64), nogil=True, cache=True, error_model="numpy")
def any_stale(bits):
    """Is there a marker among values, given as their bits?"""
    found = False
    for i in range(len(bits)):
        found |= bits[i] == STALE
    return found


@njit(types.Tuple((OWN_I64, OWN_I64, OWN_F64))(I64, I64, F64, U64), nogil=True, cache=True, error_model="numpy")
def without_stale(offsets, times, values, bits):
    """-> offsets, times, values of samples that are no markers."""
    kept_offsets, kept_times, kept_values = np.empty_like(offsets), np.empty_like(times), np.empty_like(values)
    at = 0
    kept_offsets[0] = 0
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            if bits[i] != STALE:
                kept_times[at], kept_values[at] = times[i], values[i]
                at += 1
        kept_offsets[s + 1] = at
    return kept_offsets, kept_times[:at].copy(), kept_values[:at].copy()
