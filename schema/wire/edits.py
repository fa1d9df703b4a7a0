"""What is to be changed in scanned bytes: ranges and what stands there instead.

A range [start, end) of `Scan.data` is EITHER the whole payload of a delimited field (a string, bytes, or a whole
sub-message), OR one or more whole fields, tags included: an empty replacement removes them, several fields insert
(replace a neighbour by itself and the new one). The lengths of all messages around are rebuilt by `splice.py`, by
containment: an edit inside of a field's payload, and shorter than it, says that the payload is a message. So never
edit a part of a string: compose the new one. Ranges do not overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sorted:
    """All edits by place. `start`, `end`, `off`, `length`: int64[edits]; the new bytes are data[off:off+length]."""

    start: Longs
    end: Longs
    data: Bytes
    off: Longs
    length: Longs

    def __len__(self) -> int:
        return len(self.start)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Sorted:
        """Some of them; `chosen` by edit."""
        return Sorted(self.start[chosen], self.end[chosen], self.data, self.off[chosen], self.length[chosen])


class Edits:
    """Collects edits, in any order. Not thread-safe."""

    def __init__(self) -> None:
        self._chunks: list[tuple[Longs, Longs, Bytes, Longs, Longs]] = []
        self._count = 0
        self._sorted: Sorted | None = None

    def __len__(self) -> int:
        return self._count

    def replace(self, start: Longs, end: Longs, data: Bytes, off: Longs, length: Longs) -> None:
        """Replace each range [start, end) by data[off:off+length]. `data` is kept, not copied, until it is used.

        Raises ValueError if the arrays differ in length or a replacement lies outside of `data`.
        """
        count = len(start)
        if not count == len(end) == len(off) == len(length):
            raise ValueError("edits need a start, an end, an offset and a length each")
        if not count:
            return
        if int(off.min()) < 0 or int(length.min()) < 0 or int((off + length).max()) > len(data):
            raise ValueError("a replacement lies outside of its data")
        self._chunks.append((start, end, data, off, length))
        self._count += count
        self._sorted = None

    def replace_one(self, start: int, end: int, new: bytes) -> None:
        """Replace one range."""
        at = np.zeros(1, np.int64)
        self.replace(at + start, at + end, np.frombuffer(new, np.uint8), at, at + len(new))

    def sorted(self) -> Sorted:
        """All edits by place. Raises ValueError if two overlap or one ends before it starts."""
        if self._sorted is None:
            self._sorted = self._sort()
        return self._sorted

    def _sort(self) -> Sorted:
        if not self._chunks:
            none = np.empty(0, np.int64)
            return Sorted(none, none, np.empty(0, np.uint8), none, none)
        sizes = [len(chunk[2]) for chunk in self._chunks]
        bases = np.cumsum([0, *sizes[:-1]])
        start, end, length = (np.concatenate([chunk[i] for chunk in self._chunks]) for i in (0, 1, 4))
        off = np.concatenate([chunk[3] + base for chunk, base in zip(self._chunks, bases, strict=True)])
        order = np.lexsort((end, start))
        start, end = start[order].astype(np.int64), end[order].astype(np.int64)
        twice = (start[1:] == start[:-1]) & (end[1:] == end[:-1])
        if (end < start).any() or (start[1:] < end[:-1]).any() or twice.any():
            raise ValueError("edits overlap")
        return Sorted(
            start,
            end,
            np.concatenate([chunk[2] for chunk in self._chunks]),
            off[order].astype(np.int64),
            length[order].astype(np.int64),
        )
