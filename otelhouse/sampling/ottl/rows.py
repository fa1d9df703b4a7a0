"""What paths of a condition mean: the columns of spans, or of span events, with what lies around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.sampling.ottl.columns import Column, Kind, integers, strings
from otelhouse.sampling.ottl.parse import OttlError
from otelhouse.sampling.ottl.tree import Path
from schema.arrays import I64
from schema.wire import Owner, Scan, Slices, ValueKind
from schema.wire.text import text_of_values

_KINDS = np.full(256, Kind.OTHER, np.int8)
for _wire, _kind in (
    (ValueKind.NONE, Kind.NIL),
    (ValueKind.STRING, Kind.STRING),
    (ValueKind.BOOL, Kind.BOOL),
    (ValueKind.INT, Kind.INT),
    (ValueKind.DOUBLE, Kind.FLOAT),
    (ValueKind.BYTES, Kind.BYTES),
):
    _KINDS[_wire] = _kind
_SPAN_KINDS = pa.array(["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"])


@dataclass(frozen=True)
class Rows:
    """The rows that a condition is asked of. `span`: the span of each; `event`: its event, if they are events."""

    scan: Scan
    span: I64
    event: I64 | None = None


Read = Callable[[Rows], Column]


def reader(path: Path, of_events: bool) -> Read:
    """What reads a path's column. Raises OttlError for a path that is not supported."""
    names = path.names
    if of_events:
        if names[0] == "spanevent" and len(names) > 1:
            names = names[1:]
        elif names[0] not in ("span", "resource", "scope", "instrumentation_scope"):
            pass
        else:
            return _outside(names, path)
        return _find(names, path, _EVENT, Owner.EVENT, lambda rows: _event(rows))
    return _outside(names, path)


def _outside(names: tuple[str, ...], path: Path) -> Read:
    if names[0] == "resource":
        return _find(names[1:], path, {}, Owner.RESOURCE, _resources)
    if names[0] in ("scope", "instrumentation_scope"):
        return _find(names[1:], path, _SCOPE, Owner.SCOPE, _scopes)
    if names[0] == "span" and len(names) > 1:
        names = names[1:]
    return _find(names, path, _SPAN, Owner.ITEM, lambda rows: rows.span)


def _find(
    names: tuple[str, ...], path: Path, known: Mapping[str, Read], owner: Owner, row_of: Callable[[Rows], I64]
) -> Read:
    name = ".".join(names)
    if name == "attributes" and path.key is not None:
        key = path.key.encode()
        return lambda rows: _attribute(rows.scan, owner, key, row_of(rows))
    if path.key is None and name in known:
        return known[name]
    shown = ".".join(path.names) + (f'["{path.key}"]' if path.key is not None else "")
    raise OttlError(f"the path {shown} is not supported")


def _attribute(scan: Scan, owner: Owner, key: bytes, owners: I64) -> Column:
    found = scan.find(owner, key)[owners]
    there = found >= 0
    attributes = scan.attributes
    if not len(attributes):
        return Column(
            np.zeros(len(found), np.int8), np.zeros(len(found), np.int64), np.zeros(len(found)), _empty(found)
        )
    at = np.where(there, found, 0)
    kinds = np.where(there, _KINDS[attributes["value.kind"][at]], np.int8(Kind.NIL)).astype(np.int8)
    numbers = attributes["value.number"][at]
    return Column(
        kinds,
        np.where((kinds == Kind.INT) | (kinds == Kind.BOOL), numbers, 0),
        np.where(kinds == Kind.FLOAT, np.ascontiguousarray(numbers).view(np.float64), 0.0),
        _texts(scan, kinds, found),
    )


def _texts(scan: Scan, kinds: npt.NDArray[np.int8], found: I64) -> pa.Array:
    values = scan.attributes.slices("value")
    texts = values.take(np.where(kinds == Kind.STRING, found, -1)).to_arrow()
    if (kinds == Kind.BYTES).any():
        rows = np.flatnonzero(kinds == Kind.BYTES)
        written = pa.array([value.hex() for value in values.take(found[rows])], pa.string())
        texts = pc.replace_with_mask(texts, pa.array(kinds == Kind.BYTES), written)
    if (kinds == Kind.OTHER).any():
        written, _ = text_of_values(scan, found[kinds == Kind.OTHER])
        texts = pc.replace_with_mask(texts, pa.array(kinds == Kind.OTHER), written.cast(pa.string()))
    return texts


def _empty(found: I64) -> pa.Array:
    return pa.array([""] * len(found), pa.string())


def _resources(rows: Rows) -> I64:
    return rows.scan.resource_of_items[rows.span].astype(np.int64)


def _scopes(rows: Rows) -> I64:
    return rows.scan.items.parent[rows.span].astype(np.int64)


def _event(rows: Rows) -> I64:
    if rows.event is None:
        raise TypeError("these rows are spans")
    return rows.event


def _number(name: str) -> Read:
    return lambda rows: integers(rows.scan.items[name][rows.span])


def _text(name: str) -> Read:
    return lambda rows: strings(rows.scan.items.slices(name).take(rows.span).to_arrow())


def _id(name: str, width: int) -> Read:
    def read(rows: Rows) -> Column:
        ids = rows.scan.items[name].fixed(width)[rows.span]
        return strings(pa.array([bytes(each).hex() for each in ids], pa.string()))

    return read


def _kind_name(rows: Rows) -> Column:
    kinds = rows.scan.items["kind"][rows.span]
    return strings(_SPAN_KINDS.take(pa.array(np.where((kinds >= 0) & (kinds < len(_SPAN_KINDS)), kinds, 0))))


_SPAN: Mapping[str, Read] = {
    "name": _text("name"),
    "kind": _number("kind"),
    "kind.string": _kind_name,
    "status.code": _number("status.code"),
    "status.message": _text("status.message"),
    "start_time_unix_nano": _number("start_time_unix_nano"),
    "end_time_unix_nano": _number("end_time_unix_nano"),
    "trace_state": _text("trace_state"),
    "trace_id.string": _id("trace_id", 16),
    "span_id.string": _id("span_id", 8),
    "parent_span_id.string": _id("parent_span_id", 8),
    "dropped_attributes_count": _number("dropped_attributes_count"),
    "dropped_events_count": _number("dropped_events_count"),
    "dropped_links_count": _number("dropped_links_count"),
    "flags": _number("flags"),
}


def _scope(name: str) -> Read:
    def read(rows: Rows) -> Column:
        scopes: Slices = rows.scan.scopes.slices(name)
        return strings(scopes.take(rows.scan.items.parent[rows.span]).to_arrow())

    return read


_SCOPE: Mapping[str, Read] = {"name": _scope("scope.name"), "version": _scope("scope.version")}
_EVENT: Mapping[str, Read] = {
    "name": lambda rows: strings(rows.scan.events.slices("name").take(_event(rows)).to_arrow()),
    "time_unix_nano": lambda rows: integers(rows.scan.events["time_unix_nano"][_event(rows)]),
    "dropped_attributes_count": lambda rows: integers(rows.scan.events["dropped_attributes_count"][_event(rows)]),
}
