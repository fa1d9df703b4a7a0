"""The official protobuf library's view of a request, in the shape of the scanner's tables."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schema.signal import Signal
from schema.wire import Scan, Slices, Table
from schema.wire.descriptors import LISTS, MESSAGES, PROTO_NAME, Field, Holder, Tab, Type

REQUEST: dict[Signal, Any] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
}

Row = dict[str, Any]


def parse(signal: Signal, body: bytes) -> Message | None:
    """The request, or None if the library rejects the bytes."""
    try:
        message: Message = REQUEST[signal].FromString(body)
    except DecodeError:
        return None
    return message


def official_name(name: str) -> str:
    """The .proto's name of a message of ours."""
    return PROTO_NAME.get(name, name)


class Tables:
    """Rows of every table, built by walking the objects with our descriptors."""

    def __init__(self, signal: Signal, requests: Iterable[tuple[int, Message]]) -> None:
        self.rows: dict[Tab, list[Row]] = {tab: [] for tab in Tab if tab is not Tab.UNKNOWN}
        self._messages = MESSAGES[signal]
        for call, request in requests:
            self._walk("Request", request, {}, call, None)

    def _walk(self, name: str, message: Message, row: Row, index: int, table: Tab | None) -> None:
        for field in self._messages[name]:
            descriptor = message.DESCRIPTOR.fields_by_number[field.number]
            if field.table is not None:
                for child in getattr(message, descriptor.name):
                    self._child(field, child, index)
                continue
            if descriptor.is_repeated or (descriptor.has_presence and not message.HasField(descriptor.name)):
                continue
            value = getattr(message, descriptor.name)
            if field.mark and table is not None:
                row[field.mark[0]] = field.mark[1]
            if field.type is Type.MESSAGE:
                self._walk(field.message, value, row, index, table)
            elif field.column:
                row[field.column] = bits(field, value) if field.column.endswith(".number") else plain(value)

    def _child(self, field: Field, child: Any, parent: int) -> None:
        assert field.table is not None
        rows = self.rows[field.table]
        if field.type is not Type.MESSAGE:
            rows.append({"parent": parent, "number": plain(child)})
            return
        row: Row = {"parent": parent, "aux": field.aux}
        rows.append(row)
        self._walk(field.message, child, row, len(rows) - 1, field.table)


def plain(value: Any) -> Any:
    """A scalar in a form that compares: doubles by their bits, strings as bytes."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    return value.encode() if isinstance(value, str) else value


def bits(field: Field, value: Any) -> int:
    """The raw 64 bits that a `.number` column holds."""
    packed = struct.pack("<d", value) if field.type is Type.DOUBLE else struct.pack("<q", int(value))
    return int(struct.unpack("<q", packed)[0])


def scanned(result: Scan) -> dict[Tab, list[Row]]:
    """The scanner's tables as rows; absent values and columns of sub-message bytes left out."""
    return {tab: _rows(tab, result.table(tab)) for tab in Tab if tab is not Tab.UNKNOWN}


def _rows(tab: Tab, table: Table) -> list[Row]:
    rows: list[Row] = [{"parent": int(parent)} for parent in table.parent]
    if tab not in LISTS:
        for row, aux in zip(rows, table.aux, strict=True):
            row["aux"] = int(aux)
    for name in table.names:
        if (tab, name) in (
            (Tab.ATTRIBUTES, "owner"),
            (Tab.VALUES, "holder"),
            (Tab.POINTS, "data"),
            (Tab.RESOURCES, "resource"),
        ):
            continue
        if name == "scope":
            continue
        column = table[name]
        values = column.tolist() if isinstance(column, Slices) else _numbers(column)
        kind = table[f"{name}.kind"] if f"{name}.kind" in table.names else None
        for i, row in enumerate(rows):
            if kind is not None and kind[i] not in (1, 7):
                continue
            row[name] = values[i]
    return rows


def _numbers(column: Any) -> list[Any]:
    if column.dtype == np.float64:
        return [struct.pack("<d", value) for value in column]
    return list(column.tolist())


def differences(result: Scan, requests: Iterable[tuple[int, Message]]) -> list[str]:
    """What the scan and the objects disagree on; absent equals the type's zero."""
    expected = Tables(result.signal, requests).rows
    found = []
    ours_by_tab = scanned(result)
    for tables in (ours_by_tab, expected):
        _name_parents(tables)
    for tab, rows in ours_by_tab.items():
        if len(rows) != len(expected[tab]):
            found.append(f"{tab.name}: {len(rows)} rows, expected {len(expected[tab])}")
            continue
        for i, (ours, theirs) in enumerate(zip(_grouped(tab, rows), _grouped(tab, expected[tab]), strict=True)):
            for name in ours.keys() | theirs.keys():
                if not _same(ours.get(name), theirs.get(name)):
                    found.append(f"{tab.name}[{i}].{name}: {ours.get(name)!r}, expected {theirs.get(name)!r}")
    return found


def _grouped(tab: Tab, rows: list[Row]) -> list[Row]:
    """Attributes by owner: the objects lose how those of different owners interleave on the wire."""
    if tab is Tab.VALUES:
        return sorted(rows, key=lambda row: row["parent"])
    return sorted(rows, key=lambda row: row["aux"]) if tab is Tab.ATTRIBUTES else rows


def _name_parents(tables: dict[Tab, list[Row]]) -> None:
    """Name each nested value by its way from the attribute or body down, as row numbers depend on that order, too."""
    attributes = sorted(range(len(tables[Tab.ATTRIBUTES])), key=lambda row: tables[Tab.ATTRIBUTES][row]["aux"])
    rank = {row: i for i, row in enumerate(attributes)}
    values = tables[Tab.VALUES]
    children: dict[tuple[int, ...], int] = {}
    for row in values:
        parent = row["parent"]
        if row["aux"] == Holder.VALUE:
            above = values[parent]["parent"]
        else:
            above = (row["aux"], rank[parent] if row["aux"] == Holder.ATTRIBUTE else parent)
        children[above] = children.get(above, -1) + 1
        row["parent"] = (*above, children[above])


def _same(ours: Any, theirs: Any) -> bool:
    zeros = (None, 0, b"", bytes(8), False)
    return ours == theirs or (ours in zeros and theirs in zeros)


def random_message(message: Message, rng: random.Random, depth: int = 0) -> Message:
    """Fill a message with random fields, nested up to a depth."""
    descriptor: Descriptor = message.DESCRIPTOR
    for field in descriptor.fields:
        if rng.random() < (0.25 if field.message_type is None else 0.1 if depth < 3 else 0.3):
            continue
        _fill(message, field, rng, depth)
    return message


def _fill(message: Message, field: FieldDescriptor, rng: random.Random, depth: int) -> None:
    if field.message_type is not None:
        if depth > 9:
            return
        if field.is_repeated:
            for _ in range(rng.choice((0, 1, 1, 2, 3) if depth < 6 else (0, 0, 1, 2))):
                random_message(getattr(message, field.name).add(), rng, depth + 1)
        else:
            getattr(message, field.name).SetInParent()
            random_message(getattr(message, field.name), rng, depth + 1)
    elif field.is_repeated:
        getattr(message, field.name).extend(_scalar(field, rng) for _ in range(rng.randrange(4)))
    else:
        setattr(message, field.name, _scalar(field, rng))


_INTEGERS = {
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_ENUM: (-3, 24),
}


def _scalar(field: FieldDescriptor, rng: random.Random) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return "".join(rng.choice('ab.\n\x00"\\é€😀') for _ in range(rng.randrange(12)))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 8, 16, rng.randrange(40))))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return rng.choice((0.0, -0.0, 1.0, 0.1, float("nan"), float("inf"), -1e300, rng.random()))
    low, high = _INTEGERS[field.type]
    return rng.choice((low, high, 0, 1, rng.randrange(100) if low >= 0 else rng.randrange(-3, 20)))
