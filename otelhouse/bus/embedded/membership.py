"""One member's part in its group: joining, staying, finding the dead, and which partitions are its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from otelhouse.bus.contract import LogFenced, LogUnavailable, Position, TopicPartition
from otelhouse.bus.embedded import groups, lease, records
from otelhouse.bus.embedded.environment import Transaction
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import Clock

CHECK_SECONDS = 0.2
"""How often a member looks after its group: how soon the dead and the new are noticed."""
BEAT_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
"""A live member that has not polled for so long is taken for stuck (Kafka's max.poll.interval.ms)."""

Callback = Callable[[Iterable[TopicPartition]], None]


@dataclass(slots=True)
class _View:
    """The group as one member sees it."""

    members: dict[str, groups.Member]
    dead: list[str]
    owners: dict[TopicPartition, str]

    def free(self, partition: TopicPartition) -> bool:
        owner = self.owners.get(partition)
        return owner is None or owner not in self.members


class Membership:
    """Used by one consumer, on its thread."""

    def __init__(self, store: Store, clock: Clock, group: str, topics: Collection[str]) -> None:
        self._store = store
        self._clock = clock
        self._group = group
        self._topics = tuple(sorted(topics))
        self._checked = float("-inf")
        self._beaten = 0.0
        self._name = ""
        self._lease: lease.Lease | None = None
        self.owned: set[TopicPartition] = set()

    def check(self, gained: Callback, lost: Callback) -> None:
        """When it is time: join or stay, give up what is another's due, take what is free."""
        now = self._clock.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return
        if self._lease is None:
            self._join(now)
        counts = self._partitions()
        with self._store.groups.read() as transaction:
            view = self._look(transaction, now)
        if self._name not in view.members:
            self._forget(lost)
            return
        gone = {each for each in self.owned if view.owners.get(each) != self._name}
        self.owned -= gone
        if gone:
            lost(sorted(gone))
        if spare := self._spare(view, counts):
            lost(sorted(spare))
            self.give_up(spare)
        if view.dead or self._wanted(view, counts) or now - self._beaten >= BEAT_SECONDS:
            taken = self._settle(counts, now)
            if taken:
                gained(sorted(taken))
        self._checked = now

    def commit(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Keep positions of partitions that are owned. All or none."""
        with self._store.groups.write() as transaction:
            owners = groups.owners(transaction, self._group)
            for partition, position in positions.items():
                if not self._name or owners.get(partition) != self._name:
                    raise LogFenced(f"{partition.topic}/{partition.partition} is not ours to commit")
                groups.commit(transaction, self._group, partition, position)

    def give_up(self, spare: set[TopicPartition]) -> None:
        """Set these free."""
        self.owned -= spare
        with self._store.groups.write() as transaction:
            for partition, owner in groups.owners(transaction, self._group).items():
                if partition in spare and owner == self._name:
                    groups.set_owner(transaction, self._group, partition, None)

    def leave(self) -> None:
        """Set everything free at once."""
        if self._lease is None:
            return
        self.owned.clear()
        try:
            with self._store.groups.write() as transaction:
                groups.remove_member(transaction, self._group, self._name)
        finally:
            self._lease.release()  # without its lease a member is dead to the others, whatever the store says
            self._lease, self._name = None, ""

    def _join(self, now: float) -> None:
        taken: lease.Lease | None = None
        try:
            with self._store.groups.write() as transaction:
                name = groups.new_member(transaction)
                taken = lease.Lease(self._store.members, name)  # before others can see the name
                groups.put_member(transaction, self._group, name, groups.Member(self._topics, now))
                groups.subscribe(transaction, self._group, self._topics)
        except BaseException:
            if taken is not None:
                taken.release()
            raise
        self._lease, self._name, self._beaten = taken, name, now

    def _forget(self, lost: Callback) -> None:
        """We were taken for stuck. What was ours is lost; join again at the next check."""
        gone, self.owned = sorted(self.owned), set()
        try:
            self.leave()
        finally:  # the owner must hear of it even if the store cannot be written to
            if gone:
                lost(gone)

    def _partitions(self) -> dict[str, int]:
        with self._store.records.read() as transaction:
            known = records.topics(transaction)
        return {topic: known[topic][1] for topic in self._topics if topic in known}

    def _look(self, transaction: Transaction, now: float) -> _View:
        everyone = groups.members(transaction, self._group)
        living = {name: each for name, each in everyone.items() if self._lives(name, each, now)}
        return _View(living, sorted(set(everyone) - set(living)), groups.owners(transaction, self._group))

    def _lives(self, name: str, member: groups.Member, now: float) -> bool:
        if name == self._name:
            return True
        return now - member.polled < LONGEST_PAUSE_SECONDS and lease.alive(self._store.members, name)

    def _spare(self, view: _View, counts: Mapping[str, int]) -> set[TopicPartition]:
        """The owned partitions that are due to others."""
        spare: set[TopicPartition] = set()
        for topic, count in counts.items():
            mine = sorted(each for each in self.owned if each.topic == topic)
            spare.update(mine[groups.due(self._name, topic, count, view.members) :])
        return spare

    def _wanted(self, view: _View, counts: Mapping[str, int]) -> list[TopicPartition]:
        """The free partitions to take."""
        wanted: list[TopicPartition] = []
        for topic, count in counts.items():
            mine = sum(each.topic == topic for each in self.owned)
            missing = groups.due(self._name, topic, count, view.members) - mine
            free = [each for number in range(count) if view.free(each := TopicPartition(topic, number))]
            wanted += free[: max(missing, 0)]
        return wanted

    def _settle(self, counts: Mapping[str, int], now: float) -> list[TopicPartition]:
        """Bury the dead, take what is free, say that we live."""
        if self._lease is None:
            raise LogUnavailable("the member has left its group")
        with self._store.groups.write() as transaction:
            view = self._look(transaction, now)
            for name in view.dead:
                groups.remove_member(transaction, self._group, name)
            taken = self._wanted(view, counts)
            for partition in taken:
                groups.set_owner(transaction, self._group, partition, self._name)
            groups.put_member(transaction, self._group, self._name, groups.Member(self._topics, now))
        for name in view.dead:
            lease.forget(self._store.members, name)
        self.owned.update(taken)
        self._beaten = now
        return taken
