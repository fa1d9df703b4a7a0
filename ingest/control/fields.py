"""Attributes that control rules add, as protobuf."""

from __future__ import annotations

import struct

from schema.signal import Signal
from schema.wire import Owner
from schema.wire.writing import delimited, varint


def key_value(key: str, value: str | bool | int | float) -> bytes:
    """The payload of a KeyValue."""
    return delimited(0x0A, key.encode()) + delimited(0x12, _any_value(value))


def _any_value(value: str | bool | int | float) -> bytes:
    if isinstance(value, str):
        return delimited(0x0A, value.encode())
    if isinstance(value, bool):
        return bytes((0x10, value))
    if isinstance(value, int):
        return b"\x18" + varint(value & (1 << 64) - 1)
    return b"\x21" + struct.pack("<d", value)


_ATTRIBUTES = {Owner.RESOURCE: 1, Owner.SCOPE: 3}
_ITEM_ATTRIBUTES = {Signal.TRACES: 9, Signal.LOGS: 6}
"""Number of the field `attributes` in Resource, InstrumentationScope, Span and LogRecord."""


def attribute_field(signal: Signal, owner: Owner, key: str, value: str | bool | int | float) -> bytes:
    """An attribute as a field of its owner."""
    number = _ITEM_ATTRIBUTES[signal] if owner is Owner.ITEM else _ATTRIBUTES[owner]
    return delimited(number << 3 | 2, key_value(key, value))
