"""Loops over held samples: which series they are of, and their order by series."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.settle import settle
from processor.metrics_rows.active import seek

_I32, _I64, _U64 = (types.Array(each, 1, "C") for each in (types.int32, types.int64, types.uint64))
_OWN = types.Array(types.int64, 1, "C")


@njit(types.void(_U64, types.uint64, _U64, _I32, _I32), nogil=True, cache=True)
def find_rows(wanted, seed, keys, places, found):
    """The place of each series, -1 where it has none. `keys`, `places`: a hash table; no key is 0."""
    for i in range(len(wanted)):
        key = wanted[i] if wanted[i] != 0 else np.uint64(1)
        at = seek(key, seed, keys)
        found[i] = places[at] if keys[at] != 0 else -1


@njit(types.void(_U64, types.int32, types.uint64, _U64, _I32), nogil=True, cache=True)
def enter_rows(wanted, first, seed, keys, places):
    """Give series that have none the places from `first` on; the table has room for them."""
    for i in range(len(wanted)):
        key = wanted[i] if wanted[i] != 0 else np.uint64(1)
        at = seek(key, seed, keys)
        keys[at], places[at] = key, first + i


@njit(types.UniTuple(_OWN, 3)(_I32, _I64, _I64, _I64, types.int64), nogil=True, cache=True)
def by_series(places, times, bits, row, rows):
    """-> (offsets int64[rows + 1], times, bits) of samples, in whatever order they came.

    The series of place p stands in row[p], or nowhere if that is -1.
    """
    offsets = np.zeros(rows + 1, np.int64)
    for i in range(len(places)):
        at = row[places[i]]
        if at >= 0:
            offsets[at + 1] += 1
    for at in range(rows):
        offsets[at + 1] += offsets[at]
    to = offsets[:-1].copy()
    sorted_times, sorted_bits = np.empty(offsets[rows], np.int64), np.empty(offsets[rows], np.int64)
    for i in range(len(places)):
        at = row[places[i]]
        if at >= 0:
            sorted_times[to[at]], sorted_bits[to[at]] = times[i], bits[i]
            to[at] += 1
    kept = settle(offsets, sorted_times, sorted_bits)
    return offsets, sorted_times[:kept].copy(), sorted_bits[:kept].copy()
