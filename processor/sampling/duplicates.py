"""Spans that came twice: a client that did not hear the answer sends again what the log already has."""

from __future__ import annotations

import secrets

import numpy as np
from numba import njit, types

from processor.ids import mixed
from processor.sampling.buffer import Taken
from processor.traces.groups import Groups
from schema.arrays import Mask
from schema.hash import xxh64_slices
from schema.loads import address, get8

_SEED = secrets.randbits(64)
_I64, _U8, _U64 = (types.Array(each, 1, "C") for each in (types.int64, types.uint8, types.uint64))
_BOOL = types.Array(types.bool_, 1, "C")


def duplicates(taken: Taken) -> Mask:
    """bool[spans]: those whose trace has the same span id with the same bytes before.

    Only the span itself is compared, not what is around it.
    """
    ids, trace = taken.ids, taken.place
    found = np.zeros(len(ids), np.bool_)
    # Hardly any share an id: the bytes of others need not be looked at.
    alike = Groups.by(mixed(ids, trace.astype(np.uint64)).view(np.int64))
    if len(alike) == len(ids):
        return found
    rows = np.flatnonzero((np.bincount(alike.of_row) > 1)[alike.of_row])
    data, start, end = taken.bodies(rows)
    repeats = np.zeros(len(rows), np.bool_)
    # Spans that share an id and differ must not meet, or a trace of nothing else would take forever.
    hashes = xxh64_slices(data, start, end - start, _SEED)
    table = np.full(1 << max(4, int(2 * len(rows)).bit_length()), -1, np.int64)
    find_duplicates(data, start, end, hashes, ids[rows], trace[rows], table, repeats)
    found[rows] = repeats
    return found


@njit(types.void(_U8, _I64, _I64, _U64, _U64, _I64, _I64, _BOOL), nogil=True, cache=True)
def find_duplicates(data, start, end, hashes, ids, trace, table, found):
    """Mark repeated spans; `table` int64[2^k] of -1, at least twice as long as the spans."""
    source, mask = address(data), np.uint64(len(table) - 1)
    for span in range(len(ids)):
        mixed = (hashes[span] ^ (np.uint64(trace[span]) << np.uint64(40))) * np.uint64(0x9E3779B97F4A7C15)
        place = (mixed ^ (mixed >> np.uint64(29))) & mask
        while table[place] >= 0:
            other = table[place]
            size = end[span] - start[span]
            alike = hashes[other] == hashes[span] and ids[other] == ids[span] and trace[other] == trace[span]
            if alike and end[other] - start[other] == size:
                same = True
                for i in range(size):
                    if get8(source, start[other] + i) != get8(source, start[span] + i):
                        same = False
                        break
                if same:
                    found[span] = True
                    break
            place = (place + np.uint64(1)) & mask
        if not found[span]:
            table[place] = span
