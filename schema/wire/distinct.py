"""The distinct values of a column, so that what is asked about values is asked once for each and not once a row."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.loads import address
from schema.wire.gather import equal_range
from schema.wire.slices import Slices

_I64 = types.Array(types.int64, 1, "C")
_U64 = types.Array(types.uint64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")

_SEED = int.from_bytes(os.urandom(8), "little")
"""Nobody can send values that share a slot."""


@njit(types.int64(_U8, _I64, _I64, _U64, _I64, _I64, _I64), nogil=True, cache=True)
def number_values(data, off, length, hashes, slots, codes, first):
    """codes[row] = number of the row's value, first[number] = its first row -> how many there are.

    `slots`: as many -1 as a power of two above twice the rows; absent rows get the code -1. Values are compared, so
    that no collision of hashes makes two of them one.
    """
    base = address(data)
    mask = len(slots) - 1
    found = np.int64(0)
    for row in range(len(off)):
        codes[row] = -1
        if off[row] < 0:
            continue
        at = np.int64(hashes[row] & np.uint64(mask))
        while slots[at] >= 0:
            seen = first[slots[at]]
            if hashes[seen] == hashes[row] and equal_range(base, off[row], length[row], base + off[seen], length[seen]):
                break
            at = (at + 1) & mask
        if slots[at] < 0:
            slots[at] = found
            first[found] = row
            found += 1
        codes[row] = slots[at]
    return found


def distinct(column: Slices) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(int64[rows]: number of each row's value, -1 where absent; int64[values]: a row that has it).

    Values are numbered in the order in which they first occur.
    """
    rows = len(column)
    slots = np.full(1 << (2 * rows + 1).bit_length(), -1, np.int64)
    codes = np.empty(rows, np.int64)
    first = np.empty(rows, np.int64)
    found = number_values(column.data, column.off, column.len, column.hash(_SEED), slots, codes, first)
    return codes, first[:found]
