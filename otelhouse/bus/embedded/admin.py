"""Topics and lag of the embedded log."""

from __future__ import annotations

from collections.abc import Mapping

from otelhouse.bus.contract import TopicPartition
from otelhouse.bus.embedded import groups, records
from otelhouse.bus.embedded.store import Store


class EmbeddedAdmin:
    """See `contract.LogAdmin`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ensure_topic(self, topic: str, partitions: int) -> None:
        with self._store.records.read() as transaction:
            known = records.topic(transaction, topic)
        if known is None or known[1] < partitions:
            with self._store.records.write() as transaction:
                records.ensure_topic(transaction, topic, partitions)

    def lag(self, group: str) -> Mapping[TopicPartition, int]:
        with self._store.groups.read() as transaction:
            topics = groups.subscriptions(transaction).get(group, set())
            resumes = groups.resumes(transaction, group)
        with self._store.records.read() as transaction:
            states = records.states(transaction)
        return {
            name: state.end - max(min(resumes.get(name, 0), state.end), state.start)
            for name, state in states.items()
            if name.topic in topics
        }

    def close(self) -> None:
        return None
