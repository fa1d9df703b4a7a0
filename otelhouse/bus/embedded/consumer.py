"""Reads the embedded log as one member of a group."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from otelhouse.bus.contract import LogUnavailable, Position, Record, TopicPartition
from otelhouse.bus.embedded import groups, records
from otelhouse.bus.embedded.membership import Callback, Membership
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import Clock

SHORTEST_NAP_SECONDS = 0.002
LONGEST_NAP_SECONDS = 0.012
"""An idle reader looks for news so often; the naps begin short and grow."""


class EmbeddedConsumer:
    """See `contract.Consumer`."""

    def __init__(self, store: Store, clock: Clock, group: str) -> None:
        self._store = store
        self._clock = clock
        self._group = group
        self._membership: Membership | None = None
        self._on_assigned: Callback = _ignore
        self._on_revoked: Callback = _ignore
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._seen = -1
        self._turn = 0
        self._nap = SHORTEST_NAP_SECONDS
        self._napping = threading.Event()
        self._closed = False

    def subscribe(self, topics: Sequence[str], on_assigned: Callback, on_revoked: Callback) -> None:
        self._membership = Membership(self._store, self._clock, self._group, topics)
        self._on_assigned, self._on_revoked = on_assigned, on_revoked

    def poll(self, timeout: float, max_bytes: int = 8 << 20) -> list[Record]:
        membership, waited = self._member(), 0.0
        while True:
            membership.check(self._gain, self._lose)
            found = self._read(max_bytes)
            if found:
                self._nap = SHORTEST_NAP_SECONDS
                return found
            if waited >= timeout:
                return []
            nap = min(self._nap, timeout - waited)
            self._napping.wait(nap)
            waited += nap
            self._nap = min(self._nap * 1.5, LONGEST_NAP_SECONDS)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._assigned(partition)
        self._positions[partition] = offset
        self._seen = -1

    def pause(self, partition: TopicPartition) -> None:
        self._assigned(partition)
        self._paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        self._paused.discard(partition)
        self._seen = -1

    def position(self, partition: TopicPartition) -> int:
        self._assigned(partition)
        return self._positions[partition]

    def end(self, partition: TopicPartition) -> int:
        with self._store.records.read() as transaction:
            state = records.state(transaction, *partition)
        if state is None:
            raise LogUnavailable(f"there is no partition {partition.topic}/{partition.partition}")
        return state.end

    def committed(self, partition: TopicPartition) -> Position | None:
        with self._store.groups.read() as transaction:
            return groups.committed(transaction, self._group, partition)

    def commit(self, positions: Mapping[TopicPartition, Position]) -> None:
        self._member().commit(positions)

    def close(self) -> None:
        if self._closed:
            return
        try:
            if self._membership is not None:
                if self._membership.owned:
                    self._on_revoked(sorted(self._membership.owned))
                self._membership.leave()
        finally:
            self._closed = True
            self._positions.clear()

    def _member(self) -> Membership:
        if self._membership is None or self._closed:
            raise LogUnavailable("the consumer is closed" if self._closed else "the consumer has not subscribed")
        return self._membership

    def _assigned(self, partition: TopicPartition) -> None:
        if partition not in self._positions:
            raise LogUnavailable(f"{partition.topic}/{partition.partition} is not assigned to this member")

    def _gain(self, partitions: Iterable[TopicPartition]) -> None:
        gained = list(partitions)
        try:
            self._locate(gained)
            self._on_assigned(gained)
        except BaseException:  # they are not ours as long as the owner has not taken them over
            for partition in gained:
                self._positions.pop(partition, None)
            self._member().give_up(set(gained))
            raise

    def _locate(self, gained: Iterable[TopicPartition]) -> None:
        with self._store.groups.read() as transaction:
            resumes = groups.resumes(transaction, self._group)
        with self._store.records.read() as transaction:
            for partition in gained:
                state = records.state(transaction, *partition)
                start, end = (0, 0) if state is None else (state.start, state.end)
                self._positions[partition] = min(max(resumes.get(partition, start), start), end)
        self._seen = -1

    def _lose(self, partitions: Iterable[TopicPartition]) -> None:
        lost = list(partitions)
        try:
            self._on_revoked(lost)
        finally:
            for partition in lost:
                self._positions.pop(partition, None)
                self._paused.discard(partition)

    def _read(self, max_bytes: int) -> list[Record]:
        if self._store.records.last_transaction() == self._seen:
            return []
        found: list[Record] = []
        reached: dict[TopicPartition, int] = {}
        size = 0
        with self._store.records.read() as transaction:
            seen = transaction.number
            for partition in self._in_turn():
                state = records.state(transaction, *partition)
                if state is None or (found and size >= max_bytes):
                    continue
                at = self._positions[partition]
                reached[partition], taken = records.read(transaction, partition, state, at, max_bytes - size, found)
                size += taken
        self._positions.update(reached)
        self._store.records.was_read(size)
        if not found:
            self._seen = seen  # only now is it known that this snapshot holds nothing more for us
        return found

    def _in_turn(self) -> list[TopicPartition]:
        """The partitions to read, each time beginning with another one."""
        partitions = [each for each in self._positions if each not in self._paused]
        self._turn += 1
        first = self._turn % len(partitions) if partitions else 0
        return partitions[first:] + partitions[:first]


def _ignore(_: Iterable[TopicPartition]) -> None:
    return None
