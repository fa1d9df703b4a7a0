"""split(): a scanned batch cut into requests of one group each, by copying byte ranges under new headers.

A piece is a valid Export*ServiceRequest. An item's bytes, and those fields of its resource and scope messages that
are not items, are copied as they stand, unknown fields included; only the lengths around them are new.
"""

from __future__ import annotations

from dataclasses import dataclass

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
class Sizes:
    """Result of piece_sizes(): `group` int64[pieces], ascending; `size` int64[pieces], bytes; `left_out`: int64[], rows
    of `scan.items` that are in no piece, because repeating what is around them would cost too much."""

    group: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    left_out: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packed:
    """Result of pack(): piece i is data[bounds[i]:bounds[i + 1]]; `group` int64[pieces], ascending."""

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Items:
    """Items in scanned bytes, by row: data[tag:end] is the field, `scope` the row of its scope. int64[], int64[],
    int32[]. `kept`: what holds the bytes that edits moved."""

    tag: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    scope: npt.NDArray[np.int32]
    kept: object = None

    @classmethod
    def of(cls, scan: Scan) -> Items:
        """All of a scan."""
        return cls(scan.items.tag, scan.items.end, scan.items.parent)


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Scopes and resources in scanned bytes: `resource_of` int32[scopes], and what is in them beside their items."""

    resource_of: npt.NDArray[np.int32]
    scopes: _Gaps
    resources: _Gaps

    @classmethod
    def of(cls, scan: Scan) -> Envelopes:
        """All of a scan."""
        return cls(scan.scopes.parent, _gaps(scan.scopes, scan.items), _gaps(scan.resources, scan.scopes))


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
    _check(scan, group)
    items, around = Items.of(scan), Envelopes.of(scan)
    if edits:
        items, around = _edited(scan.data, items, around, edits)
    layout = _Layout(items, around, group, scan.items.call, _allowance(scan), max_bytes)
    return Split(_pieces(scan, layout, layout.written(scan.data)), layout.left_out)


def piece_sizes(scan: Scan, group: npt.NDArray[np.int32]) -> Sizes:
    """What split() would make if a group had one piece, whatever its size. Raises ValueError as split() does."""
    _check(scan, group)
    layout = _Layout(Items.of(scan), Envelopes.of(scan), group, scan.items.call, _allowance(scan))
    return Sizes(layout.groups, layout.sizes, layout.left_out)


def pack(data: npt.NDArray[np.uint8], items: Items, around: Envelopes, group: npt.NDArray[np.int32]) -> Packed:
    """Cut items by group, as split() does, into one array: a group has one piece, whatever its size and cost.

    `group`: int32[items], >= 0, or -1 to leave the item out.
    """
    layout = _Layout(items, around, group, np.zeros(len(group), np.int32), np.array([_UNBOUNDED]))
    bounds = np.zeros(len(layout.sizes) + 1, np.int64)
    np.cumsum(layout.sizes, out=bounds[1:])
    return Packed(layout.written(data), bounds, layout.groups)


def _check(scan: Scan, group: npt.NDArray[np.int32]) -> None:
    if len(group) != len(scan.items):
        raise ValueError(f"{len(group)} groups for {len(scan.items)} items")


def _allowance(scan: Scan) -> npt.NDArray[np.int64]:
    return np.diff(scan.bounds) * CALL_SHARE + CALL_ALLOWANCE


def _edited(data: npt.NDArray[np.uint8], items: Items, around: Envelopes, edits: Edits) -> tuple[Items, Envelopes]:
    places, left = moved(data, items.tag, items.end, edits.sorted())
    resources, left = around.resources.edited(data, left)
    scopes, left = around.scopes.edited(data, left)
    if len(left):
        raise ValueError("an edit lies across the borders of items")
    return Items(places.start, places.end, items.scope, places.kept), Envelopes(around.resource_of, scopes, resources)


class _Layout:
    """Which items are in which piece. `call`: int32[items], `allowance`: int64[calls], bytes that may be repeated."""

    def __init__(
        self,
        items: Items,
        around: Envelopes,
        group: npt.NDArray[np.int32],
        call: npt.NDArray[np.int32],
        allowance: npt.NDArray[np.int64],
        max_bytes: int = _UNBOUNDED,
    ) -> None:
        self.group = np.ascontiguousarray(group, np.int32)
        self.order, lowest = order_groups(self.group)
        if lowest < -1:
            raise ValueError("a group must be -1 or more")
        self._items = items
        self._around = around
        self.piece = np.empty(len(self.order), np.int32)
        self._resource_size, self._scope_size = (np.empty(len(self.order), np.int64) for _ in range(2))
        sizes = np.zeros(len(self.order), np.int64)
        pieces = lay_out(
            self.order, self.group, items.end - items.tag, items.scope, around.resource_of, call, around.scopes.size,
            around.resources.size, allowance, max_bytes, self.piece, self._resource_size, self._scope_size, sizes,
        )  # fmt: skip
        self.sizes = sizes[:pieces]

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """int64[pieces]: the group of each."""
        there = self.piece >= 0
        first = np.searchsorted(self.piece[there], np.arange(len(self.sizes)))
        found: npt.NDArray[np.int64] = self.group[self.order[there][first]].astype(np.int64)
        return found

    @property
    def left_out(self) -> npt.NDArray[np.int64]:
        """int64[]: items that fit in no piece."""
        left_out = self.piece < 0
        return np.sort(self.order[left_out]) if left_out.any() else np.empty(0, np.int64)

    def written(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """All pieces, one after the other."""
        items, around = self._items, self._around
        out = np.empty(int(self.sizes.sum()), np.uint8)
        write_pieces(
            data, self.order, self.piece, self._resource_size, self._scope_size, items.tag, items.end, items.scope,
            around.resource_of, around.resources.ranges, around.scopes.ranges, out,
        )  # fmt: skip
        return out


def _pieces(scan: Scan, layout: _Layout, out: npt.NDArray[np.uint8]) -> list[Piece]:
    """Cut the written bytes into pieces."""
    groups, items, ends = (np.empty(len(layout.sizes), np.int64) for _ in range(3))
    calls = np.empty(len(layout.order), np.int32)
    describe_pieces(
        layout.order, layout.piece, layout.group, item_counts(scan), scan.items.call, groups, items, ends, calls
    )
    written = memoryview(out)  # type: ignore[arg-type]  # an array is a buffer
    pieces = []
    begin = first = 0
    of_piece = zip(layout.sizes.tolist(), groups.tolist(), items.tolist(), ends.tolist(), strict=True)
    for size, group, count, end in of_piece:
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
