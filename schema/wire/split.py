"""split(): a scanned batch cut into requests of one group each, by copying byte ranges under new headers.

A piece is a valid Export*ServiceRequest. An item's bytes, and those fields of its resource and scope messages that
are not items, are copied as they stand, unknown fields included; only the lengths around them are new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schema.signal import Signal
from schema.wire.columns import Table
from schema.wire.edits import Edits, Sorted
from schema.wire.layout import (
    CALL_ALLOWANCE,
    CALL_SHARE,
    describe_pieces,
    find_gaps,
    lay_out,
    order_groups,
    write_pieces,
)
from schema.wire.owners import offsets_of
from schema.wire.scan import Scan
from schema.wire.splice import moved

MAX_PIECE_BYTES = 900 * 1024
"""Largest piece unless the caller says otherwise: the log's limit of a record's value."""
_UNBOUNDED = 1 << 40


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one group.

    `items`: OTLP items in it: spans, log records or data points. `calls`: int32[], the calls that have bytes in it,
    ascending.
    """

    group: int
    value: bytes
    items: int
    calls: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Split:
    """Result of split(). `oversize`: int64[], rows of `scan.items` that fit in no piece and are in none."""

    pieces: list[Piece]
    oversize: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packed:
    """Result of pack(): piece i is data[bounds[i]:bounds[i + 1]].

    `group`: int64[pieces], ascending; `items`: int64[pieces], rows of `scan.items` in each; `left_out`: int64[], rows
    that are in none, because repeating what is around them would cost too much.
    """

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    left_out: npt.NDArray[np.int64]


def item_counts(scan: Scan) -> npt.NDArray[np.int64]:
    """int64[items]: OTLP items in each row: 1 for a span or log record, a metric's number of data points."""
    if scan.signal is not Signal.METRICS:
        return np.ones(len(scan.items), np.int64)
    return np.diff(offsets_of(scan.points.parent, len(scan.items)))


def split(
    scan: Scan, group: npt.NDArray[np.int32], max_bytes: int = MAX_PIECE_BYTES, edits: Edits | None = None
) -> Split:
    """Cut a batch by group, and write the edits on the way.

    `group`: int32[items], >= 0, or -1 to leave the item out. Pieces come by group, and a group's items keep their
    order, through its pieces in turn; none is longer than `max_bytes`, edits counted. Resources and scopes without
    items vanish. Each edit lies in one item, or in one field of a resource or scope message.
    Raises ValueError if `group` has another length than the items or a number below -1, or if an edit does not fit.
    """
    return _splitter(scan, group).run(max_bytes, edits)


def pack(scan: Scan, group: npt.NDArray[np.int32]) -> Packed:
    """The same, as one array: a group has one piece, whatever its size. Raises ValueError as split() does."""
    return _splitter(scan, group).pack()


def _splitter(scan: Scan, group: npt.NDArray[np.int32]) -> _Splitter:
    if len(group) != len(scan.items):
        raise ValueError(f"{len(group)} groups for {len(scan.items)} items")
    group = np.ascontiguousarray(group, np.int32)
    order, lowest = order_groups(group)
    if lowest < -1:
        raise ValueError("a group must be -1 or more")
    return _Splitter(scan, group, order)


class _Splitter:
    """The arrays of one split()."""

    def __init__(self, scan: Scan, group: npt.NDArray[np.int32], order: npt.NDArray[np.int64]) -> None:
        self._scan = scan
        self._group = group
        self._order = order
        self._piece = np.empty(len(order), np.int32)
        self._resource_size = np.empty(len(order), np.int64)
        self._scope_size = np.empty(len(order), np.int64)

    def run(self, max_bytes: int, edits: Edits | None) -> Split:
        sizes, out = self._write(max_bytes, edits)
        return Split(self._pieces(sizes, out), self._left_out())

    def pack(self) -> Packed:
        sizes, out = self._write(_UNBOUNDED, None)
        bounds = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=bounds[1:])
        groups, items, _, _ = self._described(len(sizes))
        return Packed(out, bounds, groups, items, self._left_out())

    def _left_out(self) -> npt.NDArray[np.int64]:
        left_out = self._piece < 0
        return np.sort(self._order[left_out]) if left_out.any() else np.empty(0, np.int64)

    def _write(self, max_bytes: int, edits: Edits | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """(bytes of each piece, all pieces one after the other)."""
        scan, items, scopes = self._scan, self._scan.items, self._scan.scopes
        resource_gaps = _gaps(scan.resources, scopes)
        scope_gaps = _gaps(scopes, items)
        item_tag, item_end = items.tag, items.end
        if edits:
            left = edits.sorted()
            places, left = moved(scan.data, item_tag, item_end, left)
            item_tag, item_end = places.start, places.end
            resource_gaps, left = resource_gaps.edited(scan.data, left)
            scope_gaps, left = scope_gaps.edited(scan.data, left)
            if len(left):
                raise ValueError("an edit lies across the borders of items")
        sizes = np.zeros(len(self._order), np.int64)
        pieces = lay_out(
            self._order, self._group, item_end - item_tag, items.parent, scopes.parent, items.call, scope_gaps.size,
            resource_gaps.size, np.diff(scan.bounds) * CALL_SHARE + CALL_ALLOWANCE, max_bytes,
            self._piece, self._resource_size, self._scope_size, sizes,
        )  # fmt: skip
        out = np.empty(int(sizes.sum()), np.uint8)
        write_pieces(
            scan.data, self._order, self._piece, self._resource_size, self._scope_size, item_tag, item_end,
            items.parent, scopes.parent, resource_gaps.ranges, scope_gaps.ranges, out,
        )  # fmt: skip
        return sizes[:pieces], out

    def _described(self, pieces: int) -> tuple[npt.NDArray[Any], ...]:
        """By piece: its group, its items, where its calls end; and the calls of all."""
        groups, items, ends = (np.empty(pieces, np.int64) for _ in range(3))
        calls = np.empty(len(self._order), np.int32)
        describe_pieces(
            self._order, self._piece, self._group, item_counts(self._scan), self._scan.items.call, groups, items, ends,
            calls,
        )  # fmt: skip
        return groups, items, ends, calls

    def _pieces(self, sizes: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]) -> list[Piece]:
        """Cut the written bytes into pieces."""
        groups, items, ends, calls = self._described(len(sizes))
        written = memoryview(out)  # type: ignore[arg-type]  # an array is a buffer
        pieces = []
        begin = first = 0
        for size, group, count, end in zip(sizes.tolist(), groups.tolist(), items.tolist(), ends.tolist(), strict=True):
            pieces.append(Piece(group, bytes(written[begin : begin + size]), count, calls[first:end]))
            begin, first = begin + size, end
        return pieces


@dataclass(frozen=True, slots=True)
class _Gaps:
    """What of each outer message is not its inner ones.

    `ranges`: (offsets, start, end), those of row r are offsets[r] to offsets[r + 1]; `size`: their bytes by row;
    `kept`: what holds those that edits moved.
    """

    ranges: tuple[npt.NDArray[np.int64], ...]
    size: npt.NDArray[np.int64]
    kept: object = None

    def edited(self, data: npt.NDArray[np.uint8], edits: Sorted) -> tuple[_Gaps, Sorted]:
        """With the edits that lie in them -> (gaps, the other edits)."""
        offsets, start, end = self.ranges
        places, left = moved(data, start[: offsets[-1]], end[: offsets[-1]], edits)
        total = np.zeros(len(places.start) + 1, np.int64)
        np.cumsum(places.end - places.start, out=total[1:])
        return _Gaps((offsets, places.start, places.end), np.diff(total[offsets]), places.kept), left


def _gaps(outer: Table, inner: Table) -> _Gaps:
    offsets = np.empty(len(outer) + 1, np.int64)
    start = np.empty(len(outer) + len(inner), np.int64)
    end = np.empty_like(start)
    size = np.empty(len(outer), np.int64)
    find_gaps(outer.start, outer.end, inner.parent, inner.tag, inner.end, offsets, start, end, size)
    return _Gaps((offsets, start, end), size)
