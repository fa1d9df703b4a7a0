"""Membership of the embedded log's groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelhouse.bus.contract import LogFenced, LogUnavailable, Position, TopicPartition
from otelhouse.bus.embedded import groups
from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.bus.embedded.membership import LONGEST_PAUSE_SECONDS
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from tests.contract.bus.support import Reader, both
from tests.otelhouse.bus.child import TOPIC


@dataclass
class _ShiftedClock(SystemClock):
    """The system's clock, some seconds ahead."""

    ahead: float = field(default=0.0)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_a_member_that_does_not_poll_for_minutes_is_replaced_and_fenced(log: EmbeddedLog, directory: Path) -> None:
    partition = TopicPartition(TOPIC, 0)
    later = _ShiftedClock()
    other = EmbeddedLog(directory, LogSettings(), later)
    stuck, fresh = Reader(log.consumer("group"), [TOPIC]), Reader(other.consumer("group"), [TOPIC])
    stuck.until(lambda: stuck.owned == {partition})
    fresh.quiet(0.5)
    assert not fresh.owned
    later.ahead = LONGEST_PAUSE_SECONDS + 1
    fresh.until(lambda: fresh.owned == {partition}, "the stuck member's partition")
    with pytest.raises(LogFenced):
        stuck.consumer.commit({partition: Position(1)})
    later.ahead = 0.0
    both([stuck, fresh], lambda: not stuck.owned, "the stuck member hears of it")
    fresh.consumer.commit({partition: Position(0, "fresh")})
    fresh.consumer.close()
    stuck.until(lambda: stuck.owned == {partition}, "back after the other has left")
    stuck.consumer.close()
    other.close()


def test_a_member_taken_for_dead_hears_of_it_even_when_the_store_cannot_be_written(
    log: EmbeddedLog, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition, later = TopicPartition(TOPIC, 0), _ShiftedClock()
    other = EmbeddedLog(directory, LogSettings(), later)
    stuck, fresh = Reader(log.consumer("group"), [TOPIC]), Reader(other.consumer("group"), [TOPIC])
    stuck.until(lambda: stuck.owned == {partition})
    later.ahead = LONGEST_PAUSE_SECONDS + 1
    fresh.until(lambda: fresh.owned == {partition}, "the stuck member's partition")
    later.ahead = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(groups, "remove_member", _fail)
        with pytest.raises(LogUnavailable):
            stuck.quiet(1.0)
    assert not stuck.owned
    fresh.consumer.close()
    stuck.until(lambda: stuck.owned == {partition}, "a member again")
    stuck.consumer.close()
    other.close()


def _fail(*_: object) -> None:
    raise LogUnavailable("the disk is full")


def test_many_members_share_and_survive_each_other(log: EmbeddedLog) -> None:
    log.admin().ensure_topic(TOPIC, 7)
    log.admin().ensure_topic("second", 4)
    readers = [Reader(log.consumer("group"), [TOPIC, "second"]) for _ in range(4)]

    def settled() -> bool:
        owned = [each for reader in readers for each in reader.owned]
        sizes = [len(reader.owned) for reader in readers]
        return len(owned) == len(set(owned)) == 11 and max(sizes) - min(sizes) <= 1

    both(readers, settled, "a fair share each")
    while len(readers) > 1:
        readers.pop(0).consumer.close()
        both(readers, settled, "the share of those who left")
    readers.pop().consumer.close()


@given(st.integers(1, 9), st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_what_is_due_to_members_adds_up_and_is_even(count: int, partitions: list[int]) -> None:
    topics = {f"t{number}": size for number, size in enumerate(partitions)}
    members = {f"{number:03}": groups.Member(tuple(topics), 0.0) for number in range(count)}
    shares = {name: [groups.due(name, topic, size, members) for topic, size in topics.items()] for name in members}
    for index, size in enumerate(partitions):
        of_topic = [share[index] for share in shares.values()]
        assert sum(of_topic) == size
        assert max(of_topic) - min(of_topic) <= 1
