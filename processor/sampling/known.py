"""The traces that a partition knows: those that wait for their verdict, and verdicts that late spans will follow.

A hash table in arrays, so that a window's spans find their traces in one compiled pass. Which row a trace has means
nothing, and nothing may depend on it: after a restart it has another.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.arrays import I32, I64, U8, U64, Mask

FREE, OPEN, KEPT, DROPPED = range(4)
"""Status of a row. OPEN: the verdict is to come."""

STATUS, TENANT, UNTIL, FIRST_MS, LAST_MS, ROOT_MS, SPANS, FIRST_OFFSET, LAST_OFFSET, CLASS, BYTES, VOTED = range(12)
"""Columns of `state`. Times are log time; ROOT_MS is -1 without a root.

VOTED is 1 where an exemplar points to the trace: it may be the first that is heard of it.

Of a trace that was decided, LAST_MS is when, and its verdict is remembered until its tenant has had UNTIL verdicts of
the same kind.
"""
REMEMBERED_MS = 3_600_000
"""No verdict is remembered for longer, in log time."""
COLUMNS = 12

_LEAST_ROWS = 1 << 10
_PLACES = 2
"""Places in the index for each row."""
_I32, _I64, _I64_2 = (
    types.Array(types.int32, 1, "C"),
    types.Array(types.int64, 1, "C"),
    types.Array(types.int64, 2, "C"),
)
_U64_2, _BOOL = types.Array(types.uint64, 2, "C"), types.Array(types.bool_, 1, "C")


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a window's spans belong. `rows` int64[spans]; `group` int32[spans]: the place of the span's trace in
    `waiting` (rows of those that wait, by first span in the window), or -1 if its verdict is known."""

    rows: I64
    group: I32
    waiting: I64


class Known:
    """`ids` uint64[rows, 2], `state` int64[rows, COLUMNS], `weight` float64[rows]: of those kept."""

    def __init__(self) -> None:
        self.ids: U64 = np.zeros((_LEAST_ROWS, 2), np.uint64)
        self.state: I64 = np.zeros((_LEAST_ROWS, COLUMNS), np.int64)
        self.weight: npt.NDArray[np.float64] = np.ones(_LEAST_ROWS)
        self._index: I32 = np.full(_PLACES * _LEAST_ROWS, -1, np.int32)
        self._free: I32 = np.arange(_LEAST_ROWS - 1, -1, -1, dtype=np.int32)
        # How many of `_free` are free.
        self._counts: I64 = np.array([_LEAST_ROWS], np.int64)
        self._seed = np.uint64(secrets.randbits(64))
        self._scratch: I32 = np.full(_LEAST_ROWS, -1, np.int32)

    @property
    def open(self) -> I64:
        """int64[]: rows of the traces that wait, in no order."""
        return np.flatnonzero(self.state[:, STATUS] == OPEN)

    def oldest_first(self, rows: I64) -> I64:
        """As they were first seen; those of one record by their ids: a restart files its spans and votes in another
        order."""
        keys = (self.ids[rows, 1], self.ids[rows, 0], self.state[rows, FIRST_OFFSET])
        return rows[np.lexsort(keys)]

    def ids_of(self, rows: I64) -> U8:
        """uint8[rows, 16]: the ids of traces."""
        ids: U8 = np.ascontiguousarray(self.ids[rows]).view(np.uint8).reshape(-1, 16)
        return ids

    def file(
        self, ids: U64, tenants: I32, log_ms: I64, offsets: I64, classes: I64, roots: Mask, verdicts: I64
    ) -> Filed:
        """Find each span's trace, or begin one; a trace whose verdict is remembered no longer begins anew.

        All by span, but `verdicts` int64[tenants, 2]: how many each tenant has had, kept and dropped.
        """
        self._make_room(len(ids), verdicts)
        rows, group = np.empty(len(ids), np.int64), np.empty(len(ids), np.int32)
        waiting = np.empty(len(ids), np.int64)
        count = file_spans(
            ids, tenants, log_ms, offsets, classes, roots, verdicts, self._seed,
            self._index, self._free, self._counts, self._scratch, self.ids, self.state, rows, group, waiting,
        )  # fmt: skip
        return Filed(rows, group, waiting[:count])

    def vote(self, ids: U64, tenant: int, log_ms: int, offset: int, verdicts: I64) -> I64:
        """Note votes for traces of a tenant, of which some may not have come -> rows of those that came after the
        verdict that the trace be dropped. `verdicts`: see file()."""
        self._make_room(len(ids), verdicts)
        dropped = np.empty(len(ids), np.int64)
        late = vote_rows(
            ids, tenant, log_ms, offset, verdicts, self._seed, self._index, self._free, self._counts, self.ids,
            self.state, dropped,
        )  # fmt: skip
        return dropped[:late]

    def find(self, ids: U64, tenants: I32, verdicts: I64) -> I64:
        """int64[ids]: the row of each trace, made where there is none (its status is then OPEN, without spans)."""
        self._make_room(len(ids), verdicts)
        rows = np.empty(len(ids), np.int64)
        find_rows(ids, tenants, self._seed, self._index, self._free, self._counts, self.ids, self.state, rows)
        return rows

    def _make_room(self, count: int, verdicts: I64) -> None:
        """A quarter of the rows stay free, first by letting verdicts go that nobody remembers. Rows stay."""
        if self._counts[0] - count >= len(self.state) // 4:
            return
        decided = np.flatnonzero(self.state[:, STATUS] >= KEPT)
        state = self.state[decided]
        forgotten = verdicts[state[:, TENANT], state[:, STATUS] - KEPT] >= state[:, UNTIL]
        self.state[decided[forgotten], STATUS] = FREE
        used = np.flatnonzero(self.state[:, STATUS] != FREE)
        rows = len(self.state)
        while rows - len(used) - count < 3 * rows // 8:  # or there would be no room again soon
            rows *= 2
        more = rows - len(self.state)
        self.ids = np.concatenate([self.ids, np.zeros((more, 2), np.uint64)])
        self.state = np.concatenate([self.state, np.zeros((more, COLUMNS), np.int64)])
        self.weight = np.concatenate([self.weight, np.ones(more)])
        self._scratch = np.full(rows, -1, np.int32)
        self._free = np.zeros(rows, np.int32)
        self._free[: rows - len(used)] = np.flatnonzero(self.state[:, STATUS] == FREE)[::-1]
        self._counts[0] = rows - len(used)
        self._index = np.full(_PLACES * rows, -1, np.int32)
        index_rows(used, self._seed, self._index, self.ids, self.state)


@njit("uint64(uint64, uint64, int64, uint64)", nogil=True, cache=True)
def mix(first, second, tenant, seed):
    """A hash of a trace; `seed` is secret, so that nobody can choose ids that collide."""
    found = (first ^ seed) * np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(29)) ^ second ^ np.uint64(tenant)) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(32)) ^ seed) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


@njit(nogil=True, cache=True)
def seek(first, second, tenant, seed, index, ids, state):
    """Where in the index a trace stands, or would stand."""
    mask = np.uint64(len(index) - 1)
    place = mix(first, second, tenant, seed) & mask
    while True:
        row = index[place]
        if row < 0:
            return place
        if ids[row, 0] == first and ids[row, 1] == second and state[row, TENANT] == tenant:
            return place
        place = (place + np.uint64(1)) & mask


@njit(nogil=True, cache=True)
def take_row(first, second, tenant, place, index, free, counts, ids, state):
    """A free row for a trace, entered in the index."""
    counts[0] -= 1
    row = free[counts[0]]
    index[place] = row
    ids[row, 0], ids[row, 1] = first, second
    state[row, TENANT] = tenant
    return row


@njit(nogil=True, cache=True)
def open_row(row, state):
    """Begin a trace."""
    state[row, STATUS] = OPEN
    state[row, ROOT_MS] = -1
    state[row, SPANS] = state[row, BYTES] = state[row, VOTED] = 0
    state[row, FIRST_MS] = -1


@njit(nogil=True, cache=True)
def is_forgotten(row, log_ms, verdicts, state):
    """Whether a trace was decided, and its verdict is remembered no longer."""
    status = state[row, STATUS]
    return status != OPEN and (
        verdicts[state[row, TENANT], status - KEPT] >= state[row, UNTIL]
        or log_ms >= state[row, LAST_MS] + REMEMBERED_MS
    )


@njit(
    types.int64(
        _U64_2, types.int64, types.int64, types.int64, _I64_2, types.uint64, _I32, _I32, _I64, _U64_2, _I64_2, _I64
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def vote_rows(wanted, tenant, log_ms, offset, verdicts, seed, index, free, counts, ids, state, dropped):
    """See Known.vote. Whether spans or votes are noted first makes no difference."""
    late = 0
    for i in range(len(wanted)):
        place = seek(wanted[i, 0], wanted[i, 1], tenant, seed, index, ids, state)
        row = np.int64(index[place])
        if row < 0:
            row = np.int64(take_row(wanted[i, 0], wanted[i, 1], tenant, place, index, free, counts, ids, state))
            open_row(row, state)
        elif is_forgotten(row, log_ms, verdicts, state):
            open_row(row, state)
        if state[row, STATUS] != OPEN:
            if state[row, STATUS] == DROPPED:
                dropped[late] = row
                late += 1
            continue
        state[row, VOTED] = 1
        if state[row, FIRST_MS] < 0:
            state[row, CLASS] = 0
            state[row, LAST_MS], state[row, LAST_OFFSET] = log_ms, offset
        if state[row, FIRST_MS] < 0 or offset < state[row, FIRST_OFFSET]:
            state[row, FIRST_MS], state[row, FIRST_OFFSET] = log_ms, offset
    return late


@njit(types.void(_I64, types.uint64, _I32, _U64_2, _I64_2), nogil=True, cache=True)
def index_rows(rows, seed, index, ids, state):
    """Enter rows into an empty index."""
    for row in rows:
        index[seek(ids[row, 0], ids[row, 1], state[row, TENANT], seed, index, ids, state)] = row


@njit(types.void(_U64_2, _I32, types.uint64, _I32, _I32, _I64, _U64_2, _I64_2, _I64), nogil=True, cache=True)
def find_rows(wanted, tenants, seed, index, free, counts, ids, state, rows):
    """See Known.find."""
    for i in range(len(wanted)):
        place = seek(wanted[i, 0], wanted[i, 1], tenants[i], seed, index, ids, state)
        row = index[place]
        if row < 0:
            row = take_row(wanted[i, 0], wanted[i, 1], tenants[i], place, index, free, counts, ids, state)
            open_row(row, state)
        rows[i] = row


@njit(
    types.int64(
        _U64_2, _I32, _I64, _I64, _I64, _BOOL, _I64_2, types.uint64,
        _I32, _I32, _I64, _I32, _U64_2, _I64_2, _I64, _I32, _I64,
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def file_spans(
    wanted, tenants, log_ms, offsets, classes, roots, verdicts, seed,
    index, free, counts, scratch, ids, state, rows, group, waiting,
):  # fmt: skip
    """See Known.file -> the number of traces that wait among those of the window."""
    count = 0
    for i in range(len(wanted)):
        tenant = tenants[i]
        place = seek(wanted[i, 0], wanted[i, 1], tenant, seed, index, ids, state)
        row = np.int64(index[place])
        if row < 0:
            row = np.int64(take_row(wanted[i, 0], wanted[i, 1], tenant, place, index, free, counts, ids, state))
            open_row(row, state)
        elif is_forgotten(row, log_ms[i], verdicts, state):
            open_row(row, state)
        rows[i] = row
        group[i] = -1
        if state[row, STATUS] != OPEN:
            continue
        if state[row, FIRST_MS] < 0:
            state[row, FIRST_MS], state[row, FIRST_OFFSET] = log_ms[i], offsets[i]
        if state[row, SPANS] == 0:
            state[row, CLASS] = classes[i]
        state[row, LAST_MS], state[row, LAST_OFFSET] = log_ms[i], offsets[i]
        state[row, SPANS] += 1
        if roots[i] and state[row, ROOT_MS] < 0:
            state[row, ROOT_MS] = log_ms[i]
        if scratch[row] < 0:
            scratch[row] = count
            waiting[count] = row
            count += 1
        group[i] = scratch[row]
    for k in range(count):
        scratch[waiting[k]] = -1
    return count
