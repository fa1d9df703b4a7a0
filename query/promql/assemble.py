"""Puts samples that come in any order of series together: series by series, by time, each time once.

ClickHouse sends the rows of each part as they lie there, sorted, block by block: to have it merge the parts into one
order costs more than to do it here. What moves are runs (consecutive samples of a series), not samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np

from otelhouse.promql.kernels.settle import settle
from schema.arrays import F64, I64, U64


@dataclass(slots=True)
class Chunks:
    """Blocks of samples as they come, cut into runs: in `heads`, for each block, (series, first time, start in it)."""

    times: list[I64] = field(default_factory=list)
    bits: list[U64] = field(default_factory=list)
    heads: list[tuple[U64, I64, I64]] = field(default_factory=list)

    def add(self, series: U64, times: I64, bits: U64) -> None:
        """A block: columns of one length."""
        starts = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(series[1:] != series[:-1]) + 1))
        self.heads.append((series[starts], times[starts], starts))
        self.times.append(times)
        self.bits.append(bits)

    def series(self) -> U64:
        """Those that there are samples of, ascending, each once."""
        heads = [series for series, _, _ in self.heads]
        return np.unique(np.concatenate(heads)) if heads else np.empty(0, np.uint64)


def assemble(chunks: Chunks, ids: U64) -> tuple[I64, I64, F64]:
    """(offsets, times, values) of the series `ids`, which ascend and are unique; what is of no such series is left out.

    offsets: int64[ids + 1]. Where samples of one time differ, the larger stays, so that every replica answers the
    same; a number goes before a NaN. Empties `chunks`, so that they are not held beside the result.
    """
    counts = np.array([len(starts) for _, _, starts in chunks.heads], np.int64)
    if not len(counts) or not len(ids):
        return np.zeros(len(ids) + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    series, firsts = (np.concatenate([head[place] for head in chunks.heads]) for place in (0, 1))
    lengths = np.concatenate(
        [np.diff(head[2], append=len(times)) for head, times in zip(chunks.heads, chunks.times, strict=True)]
    )
    places = np.searchsorted(ids, series)
    places[places == len(ids)] = 0
    lengths[ids[places] != series] = 0
    order = np.lexsort((firsts, places))
    to = np.empty(len(order), np.int64)
    ends = np.cumsum(lengths[order])
    to[order] = ends - lengths[order]
    total = np.bincount(places, lengths, len(ids)).astype(np.int64)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(total)))
    times, bits = np.empty(int(ends[-1]), np.int64), np.empty(int(ends[-1]), np.int64)
    first = 0
    for place, count in enumerate(counts.tolist()):
        runs = slice(first, first + count)
        first += count
        _place(
            chunks.times[place],
            chunks.bits[place].view(np.int64),
            chunks.heads[place][2],
            lengths[runs],
            to[runs],
            times,
            bits,
        )
        # Freed as it is copied.
        chunks.times[place], chunks.bits[place] = times[:0], bits[:0].view(np.uint64)
    kept = settle(offsets, times, bits)
    return offsets, times[:kept], bits[:kept].view(np.float64)


@numba.njit(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])", nogil=True, cache=True
)
def _place(times, bits, starts, lengths, to, all_times, all_bits):
    """Copy runs of one block to where they belong."""
    for run in range(len(starts)):
        start, length, at = starts[run], lengths[run], to[run]
        for step in range(length):
            all_times[at + step] = times[start + step]
            all_bits[at + step] = bits[start + step]
