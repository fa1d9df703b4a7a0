"""Series ids by identity: a table that is looked up by whole columns, and grows only by what is new."""

from __future__ import annotations

import numpy as np

from schema.arrays import I64, U64, Mask

_MOST_PARTS = 4_000_000


class KnownSeries:
    """For each identity known, the series ids of its parts, in order. Bounded: when full it forgets everything."""

    def __init__(self, most_parts: int = _MOST_PARTS) -> None:
        self._most_parts = most_parts
        self._keys, self._starts = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._ids = np.empty(1024, np.uint64)
        self._used = 0

    def __len__(self) -> int:
        return len(self._keys)

    def unknown(self, identities: U64) -> Mask:
        """Which of these identities are not in the table."""
        return self._at(identities) < 0

    def add(self, identities: U64, parts: list[list[int]]) -> None:
        """Put in identities that are unknown and distinct, each with the ids of its parts."""
        counts = np.array([len(ids) for ids in parts], np.int64)
        ids = np.array([each for some in parts for each in some], np.uint64)
        starts = self._used + np.cumsum(counts) - counts
        self._reserve(len(ids))
        self._ids[self._used : self._used + len(ids)] = ids
        self._used += len(ids)
        keys = np.concatenate((self._keys, identities))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._starts = np.concatenate((self._starts, starts))[order]

    def ids(self, identities: U64, counts: I64) -> U64:
        """Ids of the first counts[i] parts of identities[i], one after another. Every identity must be known."""
        at = self._at(identities)
        if len(at) and at.min() < 0:
            raise KeyError("an identity is not known")
        ends = np.cumsum(counts)
        inside = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
        found: U64 = self._ids[np.repeat(self._starts[at], counts) + inside]
        return found

    def make_room(self, parts: int) -> None:
        """Forget everything if `parts` more would be too many. Not between unknown() and ids() of one batch."""
        if self._used + parts > self._most_parts:
            self._keys, self._starts, self._used = self._keys[:0], self._starts[:0], 0

    def _reserve(self, more: int) -> None:
        if self._used + more > len(self._ids):
            grown = np.empty(max(2 * len(self._ids), self._used + more), np.uint64)
            grown[: self._used] = self._ids[: self._used]
            self._ids = grown

    def _at(self, identities: U64) -> I64:
        if not len(self._keys):
            return np.full(len(identities), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, identities), len(self._keys) - 1)
        return np.where(self._keys[at] == identities, at, -1)
