"""What may be deleted: what is old or too much, from a partition's head, never past a group's `resume`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otelhouse.bus.contract import LogFull, TopicPartition
from otelhouse.bus.embedded import codec, records
from otelhouse.bus.embedded.environment import Transaction

EXPIRE_AT_ONCE = 10_000
"""Records that one transaction deletes at most: writers of other processes wait for it."""


@dataclass(frozen=True, slots=True)
class Floor:
    """No record from `offset` on may be deleted, because `group` still needs it."""

    offset: int
    group: str


@dataclass(slots=True)
class Retention:
    """Limits of the whole log, and what the groups hold. Lives as long as one write transaction."""

    transaction: Transaction
    floors: Mapping[TopicPartition, Floor]
    max_age_ms: int
    max_bytes: int
    partitions: dict[TopicPartition, records.PartitionState]

    @property
    def size(self) -> int:
        """Bytes that all records occupy."""
        return sum(state.size for state in self.partitions.values())

    def expired(self, now_ms: int) -> bool:
        """Whether expire() has anything to do."""
        oldest = now_ms - self.max_age_ms
        heads = (self._deletable(name, state) for name, state in self.partitions.items())
        return any(head is not None and codec.append_ms(head) < oldest for head in heads)

    def expire(self, now_ms: int) -> int:
        """Delete what is older than the limit; returns the number of records."""
        deleted = 0
        for name, state in self.partitions.items():
            before = state.start
            while deleted < EXPIRE_AT_ONCE and (head := self._deletable(name, state)) is not None:
                if codec.append_ms(head) >= now_ms - self.max_age_ms:
                    break
                records.delete_head(self.transaction, state, codec.room(len(head)))
                deleted += 1
            if state.start > before:
                records.save(self.transaction, state)
        return deleted

    def make_room(self, size: int, spare: int = 0) -> None:
        """Delete the oldest records until `size` more bytes fit; if none may be, allow for `spare` over the limit.

        Raises LogFull, and says who holds the rest.
        """
        excess = self.size + size - self.max_bytes
        while excess > 0:
            oldest = self._oldest()
            if oldest is None:
                if excess <= spare:
                    return
                raise LogFull(f"the log is full ({self.max_bytes} bytes, log.retention_bytes): {self._holders()}")
            state, head_room = oldest
            records.delete_head(self.transaction, state, head_room)
            records.save(self.transaction, state)
            excess -= head_room

    def _oldest(self) -> tuple[records.PartitionState, int] | None:
        heads = [
            (codec.append_ms(head), index, state, codec.room(len(head)))
            for index, (name, state) in enumerate(self.partitions.items())
            if (head := self._deletable(name, state)) is not None
        ]
        return min(heads)[2:] if heads else None

    def _deletable(self, name: TopicPartition, state: records.PartitionState) -> memoryview | None:
        floor = self.floors.get(name)
        if floor is not None and state.start >= floor.offset:
            return None
        return records.head(self.transaction, state)

    def _holders(self) -> str:
        held = [
            f"group {floor.group} has not read {name.topic}/{name.partition} from {floor.offset} on"
            for name, floor in self.floors.items()
            if name in self.partitions and floor.offset < self.partitions[name].end
        ]
        return held[0] if held else "one request is larger than the whole log"
