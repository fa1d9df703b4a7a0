"""scan(): joined request bodies -> columns of offsets, lengths and numbers, without an object per item."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from schema.signal import Signal
from schema.wire import owners
from schema.wire.columns import Buffer, Table
from schema.wire.cut import cut_metrics, needs_cut
from schema.wire.descriptors import Owner, Tab
from schema.wire.errors import ErrorCode
from schema.wire.kernel import LONGEST_KEY, scan_bodies
from schema.wire.merge import MAX_BYTES, merged
from schema.wire.program import LEFT_OUT, OUTLINED, outline_fields, program

_MAX_DATA = (1 << 31) - 1

_BYTES_A_ROW = {
    Tab.RESOURCES: 512,
    Tab.SCOPES: 256,
    Tab.ITEMS: 64,
    Tab.POINTS: 48,
    Tab.ATTRIBUTES: 20,
    Tab.EVENTS: 256,
    Tab.LINKS: 512,
    Tab.EXEMPLARS: 128,
    Tab.QUANTILES: 256,
    Tab.BUCKET_COUNTS: 16,
    Tab.EXPLICIT_BOUNDS: 16,
    Tab.POSITIVE_COUNTS: 32,
    Tab.NEGATIVE_COUNTS: 32,
    Tab.VALUES: 256,
    Tab.UNKNOWN: 4096,
}
"""First guess of a table's rows: the pass is repeated, with the counts of the first, where it was too low."""

_GUESS = np.array([*(_BYTES_A_ROW[tab] for tab in Tab), 1], np.int64)
_ALL_KEYS = -1
_NOT_IN_BRIEF = frozenset({Tab.EVENTS, Tab.LINKS, Tab.VALUES})
_WHOLE_IN_BRIEF = (Owner.RESOURCE, Owner.SCOPE)
_LEAST = 16

_BUCKETS = {
    "bucket_counts": Tab.BUCKET_COUNTS,
    "explicit_bounds": Tab.EXPLICIT_BOUNDS,
    "positive.bucket_counts": Tab.POSITIVE_COUNTS,
    "negative.bucket_counts": Tab.NEGATIVE_COUNTS,
}


class Spare:
    """Memory for large arrays that is used again once nothing refers to it: fresh pages from the system cost as much as
    the scan that fills them. For one thread at a time, or under a lock."""

    def __init__(self) -> None:
        self._held: list[npt.NDArray[np.int64]] = []

    def octets(self, size: int) -> npt.NDArray[np.uint8]:
        """uint8[size] of anything."""
        return self.take(-(-size // 8)).view(np.uint8)[:size]

    def take(self, words: int) -> npt.NDArray[np.int64]:
        """int64[words] of anything."""
        free = [place for place in range(len(self._held)) if sys.getrefcount(self._held[place]) == _UNUSED]
        free.sort(key=lambda place: len(self._held[place]))
        for place in free:
            if len(self._held[place]) >= words:
                return self._held[place][:words]
        if free:
            del self._held[free[-1]]  # outgrown
        self._held.append(np.empty(words + words // 8, np.int64))
        return self._held[-1][:words]

    def clear(self) -> None:
        """Let go of it all."""
        self._held.clear()


_UNUSED = 2
"""References to an array that only the list knows, as it is looked at: the list's and the call's."""


def join(bodies: Sequence[bytes], spare: Spare | None = None) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Request bodies one after the other -> (data uint8[n], bounds int64[bodies + 1]), as scan() takes them."""
    bounds = np.zeros(len(bodies) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, bodies), np.int64, len(bodies)), out=bounds[1:])
    if spare is None:
        return np.frombuffer(bytearray().join(bodies), np.uint8), bounds
    data = spare.octets(int(bounds[-1]))
    for body, begin in zip(bodies, bounds.tolist(), strict=False):
        data[begin : begin + len(body)] = np.frombuffer(body, np.uint8)
    return data, bounds


class Scan:
    """The columns of joined request bodies of one signal. Immutable.

    `data`, `bounds`: the scanned bytes; body i is data[bounds[i]:bounds[i+1]]. These are the caller's, but where a
    body came with sub-messages in pieces (`schema/wire/merge.py`) or with a large metric (`schema/wire/cut.py`): so
    use these, never your own.
    `status`: uint8[calls], an ErrorCode each; rows of a body that is not OK are in no table.
    """

    def __init__(
        self,
        signal: Signal,
        buffer: Buffer,
        status: npt.NDArray[np.uint8],
        places: list[tuple[int, int]],
        outlined: bool = False,
        keys: Sequence[str] | None = None,
    ) -> None:
        self.signal = signal
        self.status = status
        self._buffer = buffer
        self._places = places
        self._outlined = outlined
        self._keys = keys
        self._tables: dict[Tab, Table] = {}
        self._by_owner: dict[Owner, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """uint8[n]: the scanned bytes."""
        return self._buffer.data

    @property
    def bounds(self) -> npt.NDArray[np.int64]:
        """int64[calls + 1]: where each body begins."""
        return self._buffer.bounds

    def table(self, tab: Tab) -> Table:
        """A table; empty where the signal has none. Raises LookupError for one that a brief scan leaves out."""
        if self._keys is not None and tab in _NOT_IN_BRIEF:
            raise LookupError(f"a brief scan has no {tab.name.lower()}")
        made = self._tables.get(tab)
        if made is None:
            if self._outlined and tab in OUTLINED:
                whole = _scan(self.signal, self.data, self.bounds)
                self._buffer, self._places, self._outlined = whole._buffer, whole._places, False  # items stay in place
            tables = program(self.signal)
            at, rows = self._places[tab]
            made = Table(self._buffer, tables.columns[tab], at, int(tables.words[tab]), rows)
            self._tables[tab] = made
        return made

    @property
    def resources(self) -> Table:
        """One row a ResourceSpans, ResourceMetrics or ResourceLogs; parent: the call."""
        return self.table(Tab.RESOURCES)

    @property
    def scopes(self) -> Table:
        """One row a ScopeSpans, ScopeMetrics or ScopeLogs; parent: resources."""
        return self.table(Tab.SCOPES)

    @property
    def items(self) -> Table:
        """One row a Span, Metric or LogRecord; parent: scopes."""
        return self.table(Tab.ITEMS)

    @property
    def points(self) -> Table:
        """One row a data point of any kind (column "data": MetricData); parent: items."""
        return self.table(Tab.POINTS)

    @property
    def attributes(self) -> Table:
        """One row a KeyValue of any owner (column "owner": Owner); parent: the row in the owner's table."""
        return self.table(Tab.ATTRIBUTES)

    @property
    def events(self) -> Table:
        """One row a Span.Event; parent: items."""
        return self.table(Tab.EVENTS)

    @property
    def links(self) -> Table:
        """One row a Span.Link; parent: items."""
        return self.table(Tab.LINKS)

    @property
    def exemplars(self) -> Table:
        """One row an Exemplar; parent: points."""
        return self.table(Tab.EXEMPLARS)

    @property
    def values(self) -> Table:
        """One row an AnyValue in an array or (with its "key") in a map, at any depth, outer ones first.

        Column "holder" (Holder) says in which table the parent is.
        """
        return self.table(Tab.VALUES)

    @property
    def unknown(self) -> Table:
        """One row a field that OTLP does not define, at any depth; `table.tag` and `table.end` say where it stands."""
        return self.table(Tab.UNKNOWN)

    @property
    def quantiles(self) -> Table:
        """One row a SummaryDataPoint.ValueAtQuantile; parent: points."""
        return self.table(Tab.QUANTILES)

    def buckets(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64] | npt.NDArray[np.uint64]]:
        """A list of numbers by point -> (offsets int64[points + 1], values).

        `name`: "bucket_counts", "positive.bucket_counts", "negative.bucket_counts" (values uint64) or
        "explicit_bounds" (float64). Raises KeyError for any other. Metrics only.
        """
        table = self.table(_BUCKETS[name])
        return owners.offsets_of(table.parent, len(self.points)), table["number"]

    def point_values(self, table: Table | None = None) -> npt.NDArray[np.float64]:
        """float64[rows]: the number of each data point (or exemplar), integers converted; 0 where there is none."""
        table = self.points if table is None else table
        return owners.as_float(table["value.kind"], table["value.number"])

    @cached_property
    def resource_of_items(self) -> npt.NDArray[np.int32]:
        """int32[items]: row in resources."""
        return self.scopes.parent[self.items.parent]

    def attributes_of(self, owner: Owner) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Attributes by owner -> (order, offsets): those of row r are order[offsets[r]:offsets[r+1]].

        `order`: int64[], rows of `attributes` in the order of the wire; `offsets`: int64[rows of the owner + 1].
        Raises LookupError if a brief scan leaves some of them out.
        """
        self._check_whole(owner)
        made = self._by_owner.get(owner)
        if made is None:
            made = owners.attributes_of(self, owner)
            self._by_owner[owner] = made
        return made

    def find(self, owner: Owner, key: bytes) -> npt.NDArray[np.int64]:
        """int64[rows of the owner]: row in `attributes` of its first attribute with this key, or -1. Raises LookupError
        if a brief scan leaves some of them out."""
        self._check_whole(owner, key.decode())
        return owners.find(self, owner, key)

    def _check_whole(self, owner: Owner, key: str = "") -> None:
        if self._keys is not None and owner not in _WHOLE_IN_BRIEF and not (owner is Owner.ITEM and key in self._keys):
            raise LookupError(f"a brief scan has not all attributes of an {owner.name.lower()}")


def scan(
    signal: Signal,
    data: npt.NDArray[np.uint8],
    bounds: npt.NDArray[np.int64],
    spare: Spare | None = None,
    keys: Sequence[str] | None = None,
) -> Scan:
    """Scan joined request bodies. Bad bytes never raise: see Scan.status.

    `data`: uint8[n], n < 2 GiB; `bounds`: int64[calls + 1], from 0 to n, not decreasing. Raises ValueError if these
    do not fit together. Accepts what the official protobuf library accepts, but for bodies above 16 MiB whose
    sub-messages come in pieces (ErrorCode.TOO_LARGE) and for masses of empty messages (TOO_MANY). A Metric above
    256 KiB is scanned as several of the same name (`schema/wire/cut.py`).

    With `keys` the scan is brief: all is checked, but there are no rows of events, links and nested values, and of
    items' attributes those with one of these keys and, if they are as long, some others.
    """
    _check(data, bounds)
    if not (data.flags.c_contiguous and data.flags.writeable):
        data = data.copy()  # the kernels are compiled for this kind of array only
    result = _scan(signal, data, np.ascontiguousarray(bounds, np.int64), spare, keys=keys)
    if (result.status == ErrorCode.SCATTERED).any():
        result = _scan_merged(signal, result, keys)
    if signal is Signal.METRICS and needs_cut(result):
        status, bodies = result.status, cut_metrics(result)
        del result  # its columns may be many times the bodies, and so will be the new ones
        again = _scan(signal, *join(bodies))
        again.status[:] = status
        return again
    return result


def outline(
    signal: Signal, data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64], spare: Spare | None = None
) -> Scan:
    """The same of bodies that are known to be good, as pieces of a scan are: what lies within items is read when it is
    first asked for."""
    _check(data, bounds)
    return _scan(signal, data, bounds, spare, outlined=True)


def rescan(before: Scan, data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> Scan:
    """Scan the bodies of a scan again after edits that leave each item in its place: rows of items stay 1:1.

    Refused bodies stay refused; `data` may leave them empty. Raises ValueError if the edits broke a body, or if items
    came or went.
    """
    result = _scan(before.signal, data, bounds)
    if (result.status != 0).any() or len(result.items) != len(before.items):
        raise ValueError("edits broke a request")
    if not np.array_equal(result.items.call, before.items.call):
        raise ValueError("edits moved items from call to call")
    result.status[:] = before.status
    return result


def _check(data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
    if data.dtype != np.uint8 or data.ndim != 1 or len(data) > _MAX_DATA:
        raise ValueError("data must be a flat uint8 array below 2 GiB")
    if len(bounds) < 1 or bounds[0] != 0 or bounds[-1] != len(data) or (bounds[1:] < bounds[:-1]).any():
        raise ValueError("bounds must lead from 0 to the end of the data without a step back")


def _scan(
    signal: Signal,
    data: npt.NDArray[np.uint8],
    bounds: npt.NDArray[np.int64],
    spare: Spare | None = None,
    outlined: bool = False,
    keys: Sequence[str] | None = None,
) -> Scan:
    tables = program(signal)
    fields = outline_fields(signal) if outlined else tables.fields
    key_sizes = _ALL_KEYS if keys is None else sum(1 << size for size in {min(len(key), LONGEST_KEY) for key in keys})
    room = (len(data) // _GUESS + _LEAST) * tables.used
    kept = np.ones(len(room), np.bool_)
    if keys is not None:
        kept[list(_NOT_IN_BRIEF)] = False
    kept[LEFT_OUT] = False
    room[~kept] = 0
    while True:
        base = np.zeros(len(room) + 1, np.int64)
        np.cumsum((room + 1) * tables.words, out=base[1:])
        longs = np.empty(int(base[-1]), np.int64) if spare is None else spare.take(int(base[-1]))
        ints = longs.view(np.int32)
        count = np.zeros(len(room), np.int64)
        status = np.zeros(len(bounds) - 1, np.uint8)
        scan_bodies(data, bounds, fields, key_sizes, tables.words, base, room, count, ints, longs, status)
        if (count <= room)[kept].all():
            break
        room = count * kept
        del longs, ints  # before as much again is taken
    places = list(zip(base.tolist(), count.tolist(), strict=False))
    return Scan(signal, Buffer(data, bounds, ints, longs), status, places, outlined, keys)


def _scan_merged(signal: Signal, first: Scan, keys: Sequence[str] | None) -> Scan:
    """Scan again with each SCATTERED body re-encoded; the codes of the others stay."""
    bodies = []
    refused: dict[int, ErrorCode] = {}
    for call, code in enumerate(first.status):
        body = first.data[first.bounds[call] : first.bounds[call + 1]].tobytes()
        if code == ErrorCode.SCATTERED:
            again = merged(signal, body) if len(body) <= MAX_BYTES else None
            if again is None:
                refused[call] = ErrorCode.TOO_LARGE if len(body) > MAX_BYTES else ErrorCode.SCATTERED
            body = again or b""
        bodies.append(body)
    result = _scan(signal, *join(bodies), keys=keys)
    for call, code in refused.items():
        result.status[call] = code
    return result
