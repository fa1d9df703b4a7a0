"""from_json(): an OTLP request in JSON -> the same in protobuf, without an object of Python's.

OTLP 1.x, "JSON Protobuf Encoding", over protobuf's JSON mapping; what the specification leaves open is as the
OpenTelemetry Collector has it: field names in snake_case and names of enums are understood, of a key or a member of a
oneof that comes twice the last one holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from schema.signal import Signal
from schema.wire.json_kernel import KEY_AT, KEY_SIZE, ROW, SPACE, Kind, convert, name_hash
from schema.wire.json_reading import JsonError
from schema.wire.reading import MAX_LENGTH

_GROWTH = 5
"""A list of numbers grows most: of two bytes a number to eight."""
_LEAST_ROOM = 64

_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_BYTES = (Kind.HEX, Kind.BASE64)
_ENUM_SPACE = 1 << 16

_Table = npt.NDArray[np.int32]


class JsonRejected(Exception):
    """A document is no OTLP request. `at`: the byte where that shows."""

    def __init__(self, error: JsonError, at: int) -> None:
        super().__init__(f"{error.text} (byte {at})")
        self.error = error
        self.at = at


@dataclass(frozen=True, slots=True)
class _Tables:
    """See `json_kernel.py` for their columns."""

    fields: _Table
    slots: _Table
    keys: npt.NDArray[np.uint8]


def from_json(signal: Signal, text: bytes, limit: int = MAX_LENGTH) -> bytes:
    """An Export*ServiceRequest in JSON -> in protobuf, at most `limit` bytes. Raises JsonRejected."""
    tables = _tables(signal)
    data = np.frombuffer(text, np.uint8)
    # Never touched beyond what is written, so that the system gives no memory for the rest.
    out = np.empty(min(_GROWTH * len(text), limit + len(text)) + _LEAST_ROOM, np.uint8)
    error, size, at = convert(data, out, tables.fields, tables.slots, tables.keys)
    if error:
        raise JsonRejected(JsonError(-error), at)
    if size > limit:
        raise JsonRejected(JsonError.ROOM, len(text))
    return out[:size].tobytes()


@cache
def _tables(signal: Signal) -> _Tables:
    """From the official descriptors, which only those who get JSON shall pay for."""
    from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    kinds: dict[int, Kind] = {
        getattr(FieldDescriptor, f"TYPE_{kind.name}"): kind for kind in Kind if kind not in _BYTES
    }
    kinds[FieldDescriptor.TYPE_BYTES] = Kind.BASE64
    root = (ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest)[signal].DESCRIPTOR
    messages: list[Descriptor] = [root]
    enums: list[EnumDescriptor] = []
    fields: list[tuple[int, int, int, int]] = []
    names: dict[tuple[int, bytes], int] = {}

    def place(known: list[Any], wanted: Any) -> int:
        if wanted not in known:
            known.append(wanted)
        return known.index(wanted)

    def row(field: FieldDescriptor) -> tuple[int, int, int, int]:
        kind = Kind.HEX if field.name in _IDS else kinds[field.type]
        sub = 0
        if field.message_type is not None:
            sub = place(messages, field.message_type)
        elif field.enum_type is not None:
            sub = _ENUM_SPACE + place(enums, field.enum_type)
        packed = field.is_repeated and kind not in (Kind.MESSAGE, Kind.STRING)
        return field.number << 3 | (2 if packed else _WIRE_TYPES.get(kind, 0)), kind, int(field.is_repeated), sub

    for space, message in enumerate(messages):  # which grows meanwhile
        for field in message.fields:
            names[space, field.json_name.encode()] = names[space, field.name.encode()] = len(fields)
            fields.append(row(field))
    for space, enum in enumerate(enums):
        names |= {(_ENUM_SPACE + space, value.name.encode()): value.number for value in enum.values}
    return _Tables(np.array(fields, np.int32), *_hashed(names))


_WIRE_TYPES = {
    Kind.MESSAGE: 2,
    Kind.STRING: 2,
    Kind.HEX: 2,
    Kind.BASE64: 2,
    Kind.DOUBLE: 1,
    Kind.FIXED64: 1,
    Kind.SFIXED64: 1,
    Kind.FIXED32: 5,
}
"""0, a varint, for the others."""


def _hashed(names: dict[tuple[int, bytes], int]) -> tuple[_Table, npt.NDArray[np.uint8]]:
    """Names -> (slots, a power of two of them and at least half of them free; keys)."""
    slots = np.full((1 << (2 * len(names)).bit_length(), 4), -1, np.int32)
    keys = bytearray()
    for (space, name), row in names.items():
        at = name_hash(space, name) & len(slots) - 1
        while slots[at, KEY_AT] >= 0:
            at = (at + 1) & len(slots) - 1
        slots[at, SPACE], slots[at, KEY_AT], slots[at, KEY_SIZE], slots[at, ROW] = space, len(keys), len(name), row
        keys += name
    return slots, np.frombuffer(keys, np.uint8)
