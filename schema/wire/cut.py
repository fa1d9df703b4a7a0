"""Large metrics cut into several of the same name, so that each fits into a record of the log.

OTLP's item is the data point, but a Metric holds any number of them. A Metric in pieces, each with the same name,
unit, temporality and a share of the points in order, means the same as the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from schema.wire.reading import read_length, read_tag, skip_field

if TYPE_CHECKING:
    from schema.wire.columns import Table
    from schema.wire.scan import Scan

LARGEST = 256 * 1024
"""Bytes of a Metric above which it is cut, and of the pieces, unless a single point is larger."""

RESOURCE, SCOPE, METRIC, POINT = 1, 2, 2, 1
"""Field numbers in the messages around."""


def needs_cut(scan: Scan) -> bool:
    """Whether there is a metric to cut."""
    items = scan.items
    return len(scan.points) > 0 and int((items.end - items.start).max()) > LARGEST


def cut_metrics(scan: Scan) -> list[bytes]:
    """The bodies of all calls, metrics above LARGEST in pieces; other bodies stay as they are."""
    items, bounds = scan.items, scan.bounds
    calls = set(items.call[items.end - items.start > LARGEST].tolist())
    return [
        _Call(scan, call).render() if call in calls else scan.data[bounds[call] : bounds[call + 1]].tobytes()
        for call in range(len(scan.status))
    ]


class _Call:
    """One request body, rewritten along the rows that hold a large metric."""

    def __init__(self, scan: Scan, call: int) -> None:
        self._scan = scan
        self._start, self._end = int(scan.bounds[call]), int(scan.bounds[call + 1])
        self._resources = np.flatnonzero(scan.resources.parent == call)
        self._large = scan.items.end - scan.items.start > LARGEST

    def render(self) -> bytes:
        return b"".join(self._walk(self._start, self._end, self._scan.resources, self._resources, self._resource))

    def _resource(self, row: int) -> Iterable[bytes]:
        table, scopes = self._scan.resources, self._scan.scopes
        inside = np.arange(*_children(scopes, row))
        return _field(RESOURCE, self._walk(int(table.start[row]), int(table.end[row]), scopes, inside, self._scope))

    def _scope(self, row: int) -> Iterable[bytes]:
        table, items = self._scan.scopes, self._scan.items
        inside = np.arange(*_children(items, row))
        inside = inside[self._large[inside]]
        return _field(SCOPE, self._walk(int(table.start[row]), int(table.end[row]), items, inside, self._metric))

    def _metric(self, row: int) -> Iterable[bytes]:
        """The metric's field, or the fields of its pieces."""
        items, points = self._scan.items, self._scan.points
        first, last = _children(points, row)
        whole = self._bytes(int(items.tag[row]), int(items.end[row]))
        if last - first < 2:
            return [whole]
        start, body, end = self._data_field(row, int(points.tag[first]))
        outside = self._bytes(int(items.start[row]), start) + self._bytes(end, int(items.end[row]))
        # Points follow each other as a rule: an array has a run of them as one.
        tags, ends = points.tag[first:last], points.end[first:last]
        breaks = np.flatnonzero(tags[1:] != ends[:-1]) + 1
        between = (self._bytes(int(ends[at - 1]), int(tags[at])) for at in breaks.tolist())
        kept = b"".join((self._bytes(body, int(tags[0])), *between, self._bytes(int(ends[-1]), end)))
        # What each piece repeats must leave room, or the pieces are more than the whole.
        room = LARGEST - len(outside) - len(kept)
        if room < LARGEST // 2:
            return [whole]
        number = int(items["data"][row])
        shares = self._shares(tags, ends, breaks, room)
        pieces = (_field(METRIC, [outside, *_field(number, [kept, share])]) for share in shares)
        return (part for piece in pieces for part in piece)

    def _shares(
        self, tag: npt.NDArray[np.int64], end: npt.NDArray[np.int64], breaks: npt.NDArray[np.int64], room: int
    ) -> Iterator[bytes]:
        """The points' fields in turn, as many in each share as fit, at least one; a run ends before each break."""
        reach = np.cumsum(end - tag)
        first = before = 0
        while first < len(tag):
            last = max(first + 1, int(np.searchsorted(reach, before + room, "right")))
            inner = breaks[np.searchsorted(breaks, first, "right") : np.searchsorted(breaks, last)].tolist()
            runs = zip([first, *inner], [*inner, last], strict=True)
            yield b"".join(self._bytes(int(tag[i]), int(end[j - 1])) for i, j in runs)
            before = int(reach[last - 1])
            first = last

    def _data_field(self, row: int, point: int) -> tuple[int, int, int]:
        """Where the field begins, its body begins and ends that holds the metric's points."""
        items, base = self._scan.items, self._scan.data.ctypes.data
        p, end = int(items.start[row]), int(items.end[row])
        while True:
            start = p
            tag, p = read_tag(base, p, end)
            if tag & 7 == 2:
                length, body = read_length(base, p, end)
                p = body + length
                if body <= point < p:
                    return start, body, p
            else:
                p = skip_field(base, p, end, tag, 0)

    def _walk(
        self, start: int, end: int, table: Table, rows: npt.NDArray[np.int64], render: Callable[[int], Iterable[bytes]]
    ) -> Iterator[bytes]:
        """What lies in start..end, in order: the bytes between the rows, and what each row is rendered to."""
        for row in rows.tolist():
            yield self._bytes(start, int(table.tag[row]))
            yield from render(row)
            start = int(table.end[row])
        yield self._bytes(start, end)

    def _bytes(self, start: int, end: int) -> bytes:
        return self._scan.data[start:end].tobytes()


def _children(table: Table, parent: int) -> tuple[int, int]:
    """Rows of a table under one parent -> the first, and the one after the last; its `parent` does not decrease."""
    return int(np.searchsorted(table.parent, parent)), int(np.searchsorted(table.parent, parent, "right"))


def _field(number: int, body: Iterable[bytes]) -> list[bytes]:
    """A delimited field, in pieces: joined once, at the end, a giant is held once."""
    parts = list(body)
    header = bytearray((number << 3 | 2,))
    length = sum(map(len, parts))
    while length >= 0x80:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return [bytes(header), *parts]
