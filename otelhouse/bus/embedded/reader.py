"""Looks records of the embedded log up by offset."""

from __future__ import annotations

from otelhouse.bus.contract import LogUnavailable, Record, TopicPartition
from otelhouse.bus.embedded import records
from otelhouse.bus.embedded.store import Store


class EmbeddedReader:
    """See `contract.Reader`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, partition: TopicPartition, start: int, end: int, max_bytes: int = 8 << 20) -> list[Record]:
        found: list[Record] = []
        with self._store.records.read() as transaction:
            state = records.state(transaction, *partition)
            if state is None:
                raise LogUnavailable(f"there is no partition {partition.topic}/{partition.partition}")
            state.end = min(state.end, end)
            _, size = records.read(transaction, partition, state, start, max_bytes, found)
        self._store.records.was_read(size)
        return found

    def close(self) -> None:
        return None
