"""Series by identity: a table that is looked up by whole columns, and grows only by what is new."""

from __future__ import annotations

import numpy as np

from schema.arrays import I64, U32, U64, Mask

_MOST_PARTS = 4_000_000


class KnownSeries:
    """For each identity known, the series ids and metrics' hashes of its parts, in order.

    Bounded: when full it forgets everything.
    """

    def __init__(self, most_parts: int = _MOST_PARTS) -> None:
        self._most_parts = most_parts
        self._keys, self._starts = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._ids, self._metrics = np.empty(1024, np.uint64), np.empty(1024, np.uint32)
        self._used = 0

    def __len__(self) -> int:
        return len(self._keys)

    def unknown(self, identities: U64) -> Mask:
        """Which of these identities are not in the table."""
        return self._at(identities) < 0

    def add(self, identities: U64, parts: list[list[tuple[int, int]]]) -> None:
        """Put in identities that are unknown and distinct, each with (id, metric's hash) of its parts."""
        counts = np.array([len(some) for some in parts], np.int64)
        starts = self._used + np.cumsum(counts) - counts
        used = self._used + int(counts.sum())
        self._reserve(used)
        self._ids[self._used : used] = [each for some in parts for each, _ in some]
        self._metrics[self._used : used] = [each for some in parts for _, each in some]
        self._used = used
        keys = np.concatenate((self._keys, identities))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._starts = np.concatenate((self._starts, starts))[order]

    def find(self, identities: U64, counts: I64) -> tuple[U64, U32]:
        """(ids, metrics' hashes) of the first counts[i] parts of identities[i], one after another.

        Every identity must be known.
        """
        at = self._at(identities)
        if len(at) and at.min() < 0:
            raise KeyError("an identity is not known")
        ends = np.cumsum(counts)
        inside = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
        part = np.repeat(self._starts[at], counts) + inside
        return self._ids[part], self._metrics[part]

    def make_room(self, parts: int) -> None:
        """Forget everything if `parts` more would be too many. Not between unknown() and find() of one batch."""
        if self._used + parts > self._most_parts:
            self._keys, self._starts, self._used = self._keys[:0], self._starts[:0], 0

    def _reserve(self, parts: int) -> None:
        if (more := parts - len(self._ids)) > 0:
            more = max(len(self._ids), more)
            self._ids = np.concatenate([self._ids, np.empty(more, np.uint64)])
            self._metrics = np.concatenate([self._metrics, np.empty(more, np.uint32)])

    def _at(self, identities: U64) -> I64:
        if not len(self._keys):
            return np.full(len(identities), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, identities), len(self._keys) - 1)
        return np.where(self._keys[at] == identities, at, -1)
