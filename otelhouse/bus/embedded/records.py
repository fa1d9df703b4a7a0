"""Topics, partitions and records within a transaction of the environment `records`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.bus.embedded import codec
from otelhouse.bus.embedded.environment import Transaction

_TOPICS, _PARTITIONS, _RECORDS = b"t", b"p", b"r"
"""Tables."""
_TOPIC = struct.Struct(">HI")
_STATE = struct.Struct(">QQQ")


@dataclass(slots=True)
class PartitionState:
    """Offsets [start, end) are kept and occupy `size` bytes."""

    topic_id: int
    partition: int
    start: int = 0
    end: int = 0
    size: int = 0

    @property
    def key(self) -> bytes:
        return codec.partition_key(self.topic_id, self.partition)


def topics(transaction: Transaction) -> dict[str, tuple[int, int]]:
    """(id, partitions) by name."""
    return {name.decode(): _TOPIC.unpack(value) for name, value in transaction.under(_TOPICS, b"")}


def topic(transaction: Transaction, name: str) -> tuple[int, int] | None:
    """(id, partitions), or None if there is no such topic."""
    value = transaction.get(_TOPICS, name.encode())
    return None if value is None else _TOPIC.unpack(value)


def ensure_topic(transaction: Transaction, name: str, partitions: int) -> None:
    """Create or grow."""
    known = topics(transaction)
    topic_id, before = known.get(name, (len(known), 0))
    if partitions > before:
        transaction.put(_TOPICS, name.encode(), _TOPIC.pack(topic_id, partitions))


def state(transaction: Transaction, name: str, partition: int) -> PartitionState | None:
    """State of a partition, or None if there is no such partition."""
    found = topic(transaction, name)
    if found is None or not 0 <= partition < found[1]:
        return None
    return _load(transaction, found[0], partition)


def states(transaction: Transaction) -> dict[TopicPartition, PartitionState]:
    """All partitions."""
    return {
        TopicPartition(name, partition): _load(transaction, topic_id, partition)
        for name, (topic_id, count) in topics(transaction).items()
        for partition in range(count)
    }


def save(transaction: Transaction, changed: PartitionState) -> None:
    """Keep a partition's state."""
    transaction.put(_PARTITIONS, changed.key, _STATE.pack(changed.start, changed.end, changed.size))


def append(transaction: Transaction, partition: PartitionState, encoded: bytearray) -> int:
    """Put a record at the partition's end and return its offset; the caller saves the state."""
    offset = partition.end
    transaction.put(_RECORDS, codec.record_key(partition.topic_id, partition.partition, offset), encoded)
    partition.end += 1
    partition.size += codec.room(len(encoded))
    return offset


def head(transaction: Transaction, partition: PartitionState) -> memoryview | None:
    """The oldest record kept, encoded."""
    if partition.start >= partition.end:
        return None
    return transaction.get(_RECORDS, codec.record_key(partition.topic_id, partition.partition, partition.start))


def delete_head(transaction: Transaction, partition: PartitionState, size: int) -> None:
    """Delete the oldest record kept, which occupies `size` bytes; the caller saves the state."""
    transaction.delete(_RECORDS, codec.record_key(partition.topic_id, partition.partition, partition.start))
    partition.start += 1
    partition.size -= size


def read(
    transaction: Transaction,
    name: TopicPartition,
    partition: PartitionState,
    offset: int,
    max_bytes: int,
    into: list[Record],
) -> tuple[int, int]:
    """Add records from `offset` on while they fit (the first one of `into` always does): (next offset, bytes)."""
    at, size = max(offset, partition.start), 0
    if at >= partition.end:
        return at, size
    for encoded in transaction.values(_RECORDS, codec.record_key(partition.topic_id, partition.partition, at)):
        if at == partition.end or (into and size + len(encoded) > max_bytes):
            break
        into.append(codec.decode(name, at, encoded))
        size += len(encoded)
        at += 1
    return at, size


def _load(transaction: Transaction, topic_id: int, partition: int) -> PartitionState:
    value = transaction.get(_PARTITIONS, codec.partition_key(topic_id, partition))
    if value is None:
        return PartitionState(topic_id, partition)
    return PartitionState(topic_id, partition, *_STATE.unpack(value))
