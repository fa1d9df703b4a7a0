"""Large metrics cut into several of the same name, so that each fits into a record of the log.

OTLP's item is the data point, but a Metric holds any number of them. A Metric in pieces, each with the same name,
unit, temporality and a share of the points in order, means the same as the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        resources = self._scan.resources
        return b"".join(
            self._resource(part) if isinstance(part, int) else part
            for part in self._parts(self._start, self._end, resources, self._resources)
        )

    def _resource(self, row: int) -> bytes:
        table, scopes = self._scan.resources, self._scan.scopes
        inside = _children(scopes, row)
        parts = self._parts(int(table.start[row]), int(table.end[row]), scopes, inside)
        return _field(RESOURCE, b"".join(self._scope(p) if isinstance(p, int) else p for p in parts))

    def _scope(self, row: int) -> bytes:
        table, items = self._scan.scopes, self._scan.items
        inside = _children(items, row)
        inside = inside[self._large[inside]]
        parts = self._parts(int(table.start[row]), int(table.end[row]), items, inside)
        return _field(SCOPE, b"".join(self._metric(p) if isinstance(p, int) else p for p in parts))

    def _metric(self, row: int) -> bytes:
        """The metric's field, or the fields of its pieces."""
        items, points = self._scan.items, self._scan.points
        inside = _children(points, row)
        whole = self._bytes(int(items.tag[row]), int(items.end[row]))
        if len(inside) < 2:
            return whole
        start, body, end = self._data_field(row, int(points.tag[inside[0]]))
        outside = self._bytes(int(items.start[row]), start) + self._bytes(end, int(items.end[row]))
        between = [part for part in self._parts(body, end, points, inside) if not isinstance(part, int)]
        kept = b"".join(between)
        # What each piece repeats must leave room, or the pieces are more than the whole.
        room = LARGEST - len(outside) - len(kept)
        if room < LARGEST // 2:
            return whole
        number = int(items["data"][row])
        return b"".join(_field(METRIC, outside + _field(number, kept + share)) for share in self._shares(inside, room))

    def _shares(self, rows: npt.NDArray[np.int64], room: int) -> Iterator[bytes]:
        """The points' fields in turn, as many in each share as fit, at least one."""
        tag, end = self._scan.points.tag[rows], self._scan.points.end[rows]
        first = 0
        while first < len(rows):
            reach = np.cumsum(end[first:] - tag[first:])
            count = max(1, int(np.searchsorted(reach, room, "right")))
            yield b"".join(self._bytes(int(tag[i]), int(end[i])) for i in range(first, first + count))
            first += count

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

    def _parts(self, start: int, end: int, table: Table, rows: npt.NDArray[np.int64]) -> Iterator[bytes | int]:
        """What lies in start..end, in order: row numbers, and the bytes between them."""
        for row in rows.tolist():
            yield self._bytes(start, int(table.tag[row]))
            yield row
            start = int(table.end[row])
        yield self._bytes(start, end)

    def _bytes(self, start: int, end: int) -> bytes:
        return self._scan.data[start:end].tobytes()


def _children(table: Table, parent: int) -> npt.NDArray[np.int64]:
    """Rows of a table under one parent; its `parent` does not decrease."""
    return np.arange(np.searchsorted(table.parent, parent), np.searchsorted(table.parent, parent, "right"))


def _field(number: int, body: bytes) -> bytes:
    """A delimited field."""
    header = bytearray((number << 3 | 2,))
    length = len(body)
    while length >= 0x80:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header) + body
