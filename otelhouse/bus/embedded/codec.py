"""How records and names are laid out in the store. All numbers are big-endian, so that keys sort."""

from __future__ import annotations

import struct

from otelhouse.bus.contract import Headers, Outgoing, Record, TopicPartition

_APPEND_MS = struct.Struct(">q")
_COUNT = struct.Struct(">qH")
_HEADER = struct.Struct(">HI")
_PARTITION_KEY = struct.Struct(">HI")
_RECORD_KEY = struct.Struct(">HIQ")
_PAGE = 4096
_LARGEST_INLINE = 2000
_ROW_OVERHEAD = 32


def encode(record: Outgoing) -> bytearray:
    """append time (filled in by `stamp`) | number of headers | headers | value"""
    parts = [_COUNT.pack(0, len(record.headers))]
    for name, value in record.headers:
        key = name.encode()
        parts += (_HEADER.pack(len(key), len(value)), key, value)
    parts.append(record.value)
    return bytearray().join(parts)


def stamp(encoded: bytearray, append_ms: int) -> None:
    """Set the append time of an encoded record."""
    _APPEND_MS.pack_into(encoded, 0, append_ms)


def append_ms(encoded: memoryview) -> int:
    """Append time of an encoded record."""
    return int(_APPEND_MS.unpack_from(encoded)[0])


def decode(partition: TopicPartition, offset: int, encoded: memoryview) -> Record:
    """Copy a record out of the store."""
    appended, count = _COUNT.unpack_from(encoded)
    at = _COUNT.size
    headers: list[tuple[str, bytes]] = []
    for _ in range(count):
        key_length, value_length = _HEADER.unpack_from(encoded, at)
        at += _HEADER.size
        key = str(encoded[at : at + key_length], "utf-8")
        at += key_length
        headers.append((key, bytes(encoded[at : at + value_length])))
        at += value_length
    found: Headers = tuple(headers)
    return Record(partition.topic, partition.partition, offset, appended, found, bytes(encoded[at:]))


def room(encoded_length: int) -> int:
    """Bytes that an encoded record occupies on disk: larger ones take whole pages of their own."""
    if encoded_length <= _LARGEST_INLINE:
        return encoded_length + _ROW_OVERHEAD
    return (encoded_length + 16 + _PAGE - 1) // _PAGE * _PAGE + _ROW_OVERHEAD


def partition_key(topic_id: int, partition: int) -> bytes:
    """Key of a partition's state."""
    return _PARTITION_KEY.pack(topic_id, partition)


def record_key(topic_id: int, partition: int, offset: int) -> bytes:
    """Key of a record; its first six bytes are the partition's key."""
    return _RECORD_KEY.pack(topic_id, partition, offset)
