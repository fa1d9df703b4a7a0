"""Rows grouped by integer keys, and what is added up of each group. Groups are numbered by their first rows."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from schema.arrays import F64, I64, Mask
from schema.durations import BOUNDS

SEED = int.from_bytes(os.urandom(7), "little")
"""Nobody can send keys that share a slot. It decides places in memory, and nothing else."""
_BOUNDS = np.array(BOUNDS, np.uint64)
_BUCKETS = 1024


@dataclass(frozen=True, slots=True)
class Groups:
    """`of_row` int64[rows]: the group of each; `first` int64[groups]: the first row of each, ascending."""

    of_row: I64
    first: I64

    @classmethod
    def by(cls, keys: I64) -> Groups:
        """Rows with the same key are a group."""
        slots = np.full(1 << (2 * len(keys) + 1).bit_length(), -1, np.int32)
        of_row, first = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        return cls(of_row, first[: number_keys(keys, SEED, slots, of_row, first)])

    def split(self, column: I64, size: int) -> Groups:
        """Groups of those rows that also have the same 0 <= column < size."""
        return Groups.by(self.of_row * size + column)

    def __len__(self) -> int:
        return len(self.first)

    def sums(self, values: F64) -> F64:
        """Sum over each group's rows, in their order."""
        found: F64 = np.bincount(self.of_row, values, len(self)).astype(np.float64, copy=False)
        return found

    def histograms(self, durations: I64, weights: F64, present: Mask | None = None) -> tuple[pa.Array, pa.Array]:
        """Buckets of durations that occur, ascending, and their weights; of rows that are `present`."""
        rows = np.arange(len(durations)) if present is None else np.flatnonzero(present)
        buckets = buckets_of(durations[rows])
        cells = Groups.by(self.of_row[rows] * _BUCKETS + (buckets + 1))
        owner, bucket = self.of_row[rows[cells.first]], buckets[cells.first]
        order = np.lexsort((bucket, owner))
        offsets = np.zeros(len(self) + 1, np.int32)
        np.cumsum(np.bincount(owner, minlength=len(self)), out=offsets[1:])
        counts = cells.sums(weights[rows])[order]
        at = pa.array(offsets)
        return (
            pa.ListArray.from_arrays(at, pa.array(bucket[order].astype(np.int16))),
            pa.ListArray.from_arrays(at, pa.array(counts)),
        )


def buckets_of(durations: I64) -> I64:
    """The bucket of each duration (schema/durations.py)."""
    out = np.empty(len(durations), np.int64)
    find_buckets(durations, out)
    return out


@njit("uint64(uint64)", nogil=True, cache=True)
def scattered(key):
    """SplitMix64's finalizer."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@njit("int64(int64[::1], int64, int32[::1], int64[::1], int64[::1])", nogil=True, cache=True)
def number_keys(keys, seed, slots, codes, first):
    """codes[row] = number of the row's key, first[number] = its first row -> how many keys there are.

    `slots`: as many -1 as a power of two above twice the rows.
    """
    mask = len(slots) - 1
    found = np.int64(0)
    for row in range(len(keys)):
        key = keys[row]
        at = np.int64(scattered(np.uint64(key) + np.uint64(seed)) & np.uint64(mask))
        while slots[at] >= 0 and keys[first[slots[at]]] != key:
            at = (at + 1) & mask
        if slots[at] < 0:
            slots[at] = found
            first[found] = row
            found += 1
        codes[row] = slots[at]
    return found


@njit("void(int64[::1], int64[::1])", nogil=True, cache=True)
def find_buckets(durations, out):
    """out[row] = bucket of the duration, in integers alone."""
    for row in range(len(durations)):
        duration = durations[row]
        if duration <= 0:
            out[row] = -1
            continue
        bits, left = 0, duration
        for step in (32, 16, 8, 4, 2, 1):
            if left >> step:
                left >>= step
                bits += step
        shifted = np.uint64(duration) << np.uint64(63 - bits)
        part = 0
        for step in (8, 4, 2, 1):
            if shifted >= _BOUNDS[part + step]:
                part += step
        out[row] = bits * 16 + part
