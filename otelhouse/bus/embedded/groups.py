"""Consumer groups within a transaction of the environment `groups`: members, owners and commits.

A partition has at most one owner. Who owns one too many gives it up, who has too few takes one that is
free; the number that is due to each follows from the members alone, so all agree without a leader.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otelhouse.bus.contract import Position, TopicPartition
from otelhouse.bus.embedded.environment import Transaction
from otelhouse.bus.embedded.retention import Floor

_SUBSCRIPTIONS, _MEMBERS, _OWNERS, _COMMITS, _COUNTERS = b"s", b"m", b"o", b"c", b"n"
"""Tables."""
_NUMBER = struct.Struct(">Q")
_PARTITION = struct.Struct(">I")
_SEPARATOR = b"\0"


@dataclass(frozen=True, slots=True)
class Member:
    """A member's topics and when it last polled, in seconds of the machine's monotonic clock."""

    topics: tuple[str, ...]
    polled: float


def new_member(transaction: Transaction) -> str:
    """An id that no member had before. Ids sort by age."""
    before = transaction.get(_COUNTERS, b"member")
    number = 1 if before is None else _NUMBER.unpack(before)[0] + 1
    transaction.put(_COUNTERS, b"member", _NUMBER.pack(number))
    return f"{number:012}"


def put_member(transaction: Transaction, group: str, name: str, member: Member) -> None:
    """Join, or say that one is still alive."""
    row = json.dumps({"topics": member.topics, "polled": member.polled})
    transaction.put(_MEMBERS, _key(group, name), row.encode())


def subscribe(transaction: Transaction, group: str, topics: Iterable[str]) -> None:
    """From now on the group holds what it has not read of these topics."""
    for topic in topics:
        transaction.put(_SUBSCRIPTIONS, _key(group, topic), b"")


def members(transaction: Transaction, group: str) -> dict[str, Member]:
    """All members, dead or alive, by id."""
    found: dict[str, Member] = {}
    for name, value in transaction.under(_MEMBERS, _key(group, "")):
        row = json.loads(value)
        found[name.decode()] = Member(tuple(row["topics"]), row["polled"])
    return found


def remove_member(transaction: Transaction, group: str, name: str) -> None:
    """Leave: its partitions are free."""
    transaction.delete(_MEMBERS, _key(group, name))
    for partition, owner in owners(transaction, group).items():
        if owner == name:
            set_owner(transaction, group, partition, None)


def owners(transaction: Transaction, group: str) -> dict[TopicPartition, str]:
    """Owner of each partition that has one."""
    return {_partition(key): value.decode() for key, value in transaction.under(_OWNERS, _key(group, ""))}


def set_owner(transaction: Transaction, group: str, partition: TopicPartition, member: str | None) -> None:
    """Give a partition to a member, or set it free."""
    if member is None:
        transaction.delete(_OWNERS, _partition_key(group, partition))
    else:
        transaction.put(_OWNERS, _partition_key(group, partition), member.encode())


def commit(transaction: Transaction, group: str, partition: TopicPartition, position: Position) -> None:
    """Keep a position."""
    value = _NUMBER.pack(position.resume) + position.metadata.encode()
    transaction.put(_COMMITS, _partition_key(group, partition), value)


def committed(transaction: Transaction, group: str, partition: TopicPartition) -> Position | None:
    """The last position kept."""
    value = transaction.get(_COMMITS, _partition_key(group, partition))
    return None if value is None else _position(bytes(value))


def resumes(transaction: Transaction, group: str) -> dict[TopicPartition, int]:
    """`resume` of each partition that the group has committed."""
    rows = transaction.under(_COMMITS, _key(group, ""))
    return {_partition(key): _position(value).resume for key, value in rows}


def subscriptions(transaction: Transaction) -> dict[str, set[str]]:
    """Topics that each group ever subscribed to."""
    found: dict[str, set[str]] = {}
    for key, _ in transaction.under(_SUBSCRIPTIONS, b""):
        group, topic = key.decode().split("\0")
        found.setdefault(group, set()).add(topic)
    return found


def floors(transaction: Transaction, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Floor]:
    """What may not be deleted: a group that has committed nothing yet needs everything."""
    known = list(partitions)
    lowest: dict[TopicPartition, Floor] = {}
    for group, topics in subscriptions(transaction).items():
        positions = resumes(transaction, group)
        for partition in known:
            if partition.topic in topics:
                floor = Floor(positions.get(partition, 0), group)
                lowest[partition] = min(lowest.get(partition, floor), floor, key=lambda each: each.offset)
    return lowest


def due(member: str, topic: str, partitions: int, group_members: Mapping[str, Member]) -> int:
    """How many of a topic's partitions this member shall own. What is left over goes round by topic."""
    sharing = sorted(name for name, each in group_members.items() if topic in each.topics)
    all_topics = sorted({name for each in group_members.values() for name in each.topics})
    each, left = divmod(partitions, len(sharing))
    place = (sharing.index(member) - all_topics.index(topic)) % len(sharing)
    return each + (place < left)


def _key(group: str, name: str) -> bytes:
    return group.encode() + _SEPARATOR + name.encode()


def _partition_key(group: str, partition: TopicPartition) -> bytes:
    return _key(group, partition.topic) + _SEPARATOR + _PARTITION.pack(partition.partition)


def _partition(key: bytes) -> TopicPartition:
    topic = key[: -_PARTITION.size - 1]
    return TopicPartition(topic.decode(), _PARTITION.unpack(key[-_PARTITION.size :])[0])


def _position(value: bytes) -> Position:
    return Position(_NUMBER.unpack_from(value)[0], value[_NUMBER.size :].decode())
