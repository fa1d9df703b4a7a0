"""What the members of a group are promised."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from otelhouse.bus.contract import (
    MAX_METADATA_BYTES,
    LogError,
    LogFenced,
    LogUnavailable,
    Outgoing,
    Position,
    TopicPartition,
)
from tests.contract.bus.support import Bus, Reader, both, publish


def test_commits_and_their_metadata_come_back(bus: Bus) -> None:
    topic, group = bus.topic(partitions=2), bus.group()
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    metadata = "é" * (MAX_METADATA_BYTES // 2)
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"a", b"b", b"c"])
        reader.take(3)
        assert reader.consumer.committed(first) is None
        reader.consumer.commit({first: Position(2, metadata), second: Position(0)})
        assert reader.consumer.committed(first) == Position(2, metadata)
    with bus.reader(group, topic) as reader:
        reader.until(lambda: len(reader.owned) == 2)
        assert reader.consumer.committed(first) == Position(2, metadata)
        assert reader.consumer.committed(second) == Position(0)
        assert [record.value for record in reader.take(1)] == [b"c"]
        assert reader.consumer.position(first) == 3
        assert reader.consumer.end(first) == 3


def test_metadata_that_a_log_could_not_keep_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="metadata of 4002 bytes"):
        Position(0, "é" * 2001)


def test_positions_begin_at_the_commit_and_follow_the_reading(bus: Bus) -> None:
    topic, group = bus.topic(), bus.group()
    partition = TopicPartition(topic, 0)
    seen: list[int] = []
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"0", b"1", b"2", b"3"])
        reader.when_assigned = lambda _: seen.append(reader.consumer.position(partition))
        reader.take(4)
        reader.consumer.commit({partition: Position(3)})
    with bus.reader(group, topic) as again:
        again.when_assigned = lambda _: seen.append(again.consumer.position(partition))
        assert [record.offset for record in again.take(1)] == [3]
        assert again.consumer.position(partition) == 4
    assert seen == [0, 3]


def test_lag_counts_what_a_group_has_not_committed(bus: Bus) -> None:
    topic, group = bus.topic(partitions=2), bus.group()
    admin = bus.open().admin()
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"0", b"1", b"2"], partition=0)
        publish(producer, topic, [b"0", b"1"], partition=1)
        reader.take(5)
        reader.consumer.commit({TopicPartition(topic, 0): Position(1)})
        assert admin.lag(group) == {TopicPartition(topic, 0): 2, TopicPartition(topic, 1): 2}
    assert admin.lag(bus.group()) == {}
    admin.close()


def test_two_members_share_and_a_leaver_hands_over_at_once(bus: Bus) -> None:
    topic, group = bus.topic(partitions=4), bus.group()
    with bus.producer() as producer, bus.reader(group, topic) as first:
        publish(producer, topic, [b"x"] * 3)
        first.until(lambda: len(first.owned) == 4)

        def commit(partitions: list[TopicPartition]) -> None:
            first.consumer.commit({each: Position(first.consumer.position(each), "handed over") for each in partitions})

        first.when_revoked = commit
        with bus.reader(group, topic) as second:
            both([first, second], lambda: len(first.owned) == len(second.owned) == 2, "two each")
            assert not first.owned & second.owned
            for partition in second.owned:
                assert second.consumer.committed(partition) is not None
        started = time.monotonic()
        first.until(lambda: len(first.owned) == 4, "the leaver's partitions")
        assert time.monotonic() - started < 5
        for number in range(4):
            publish(producer, topic, [b"y"], number)
        first.take(7)
    values = [record.value for record in first.records]
    assert (values.count(b"x"), values.count(b"y")) == (3, 4)


def test_close_revokes_what_is_left_and_lets_it_be_committed(bus: Bus) -> None:
    topic, group = bus.topic(), bus.group()
    partition = TopicPartition(topic, 0)
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"a"])
        reader.take(1)
        reader.when_revoked = lambda _: reader.consumer.commit({partition: Position(1, "at the end")})
        reader.consumer.close()
        reader.consumer.close()
        assert reader.owned == set()
        with pytest.raises(LogUnavailable):
            reader.step()
    with bus.reader(group, topic) as again:
        again.until(lambda: bool(again.owned))
        assert again.consumer.committed(partition) == Position(1, "at the end")


def test_a_commit_for_what_was_given_to_another_is_fenced(bus: Bus) -> None:
    topic, group = bus.topic(partitions=2), bus.group()
    everything = {TopicPartition(topic, 0), TopicPartition(topic, 1)}
    with bus.reader(group, topic) as first, bus.reader(group, topic) as second:
        both([first, second], lambda: len(first.owned) == len(second.owned) == 1, "one each")
        (theirs,) = everything - first.owned
        with pytest.raises(LogFenced):
            first.consumer.commit({theirs: Position(1)})
        assert second.consumer.committed(theirs) is None
        second.consumer.commit({theirs: Position(0, "mine")})
        assert first.consumer.committed(theirs) == Position(0, "mine")


def test_a_failing_callback_is_called_again(bus: Bus) -> None:
    """The group's positions may be out of reach at the moment of the assignment."""
    topic = bus.topic()
    calls: list[list[TopicPartition]] = []

    def fail_once(partitions: list[TopicPartition]) -> None:
        calls.append(partitions)
        if len(calls) == 1:
            raise LogUnavailable("not now")

    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        publish(producer, topic, [b"a"])
        reader.when_assigned = fail_once
        with pytest.raises(LogUnavailable, match="not now"):
            reader.take(1)
        assert reader.records == []
        assert [record.value for record in reader.take(1)] == [b"a"]
    assert calls == [[TopicPartition(topic, 0)]] * 2


def test_a_failing_farewell_loses_no_record_and_keeps_no_partition(bus: Bus) -> None:
    topic, group = bus.topic(partitions=2), bus.group()
    failures = [LogUnavailable("not now")]

    def fail_once(_: list[TopicPartition]) -> None:
        if failures:
            raise failures.pop()

    with bus.producer() as producer, bus.reader(group, topic) as first:
        first.until(lambda: len(first.owned) == 2)
        first.when_revoked = fail_once
        with bus.reader(group, topic) as second:
            for number in range(3000):
                producer.publish([Outgoing(topic, number % 2, b"%d" % number)])
                if number % 10 == 0:
                    second.step(0.0)
                    with suppress(LogUnavailable):
                        first.step(0.0)
            while failures:  # on a quick machine all is published before the first has heard of the second
                second.step(0.05)
                with suppress(LogUnavailable):
                    first.step(0.05)
            both([first, second], lambda: len(second.owned) == 1, "its share")
            readers = [first, second]
            both(readers, lambda: len({each.value for r in readers for each in r.records}) == 3000, "every record")
            assert not failures


def test_new_partitions_are_read_without_a_restart(bus: Bus) -> None:
    topic, group = bus.topic(partitions=1), bus.group()
    admin = bus.open().admin()
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"old"])
        reader.take(1)
        admin.ensure_topic(topic, 3)
        reader.until(lambda: len(reader.owned) == producer.partitions(topic) == 3, "the new partitions")
        assert publish(producer, topic, [b"new"], partition=2) == [0]
        assert reader.take(2)[-1].value == b"new"
    admin.close()


def test_a_topic_that_is_created_later_is_read(bus: Bus) -> None:
    topic = f"late-{bus.group()}"
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        reader.quiet(0.5)
        admin = bus.open().admin()
        admin.ensure_topic(topic, 1)
        publish(producer, topic, [b"a"])
        assert [record.value for record in reader.take(1)] == [b"a"]
        admin.close()


def test_a_paused_partition_waits_and_loses_nothing(bus: Bus) -> None:
    topic = bus.topic(partitions=2)
    paused = TopicPartition(topic, 0)
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        publish(producer, topic, [b"0", b"1"], partition=0)
        reader.take(2)
        reader.consumer.pause(paused)
        publish(producer, topic, [b"2", b"3"], partition=0)
        publish(producer, topic, [b"other"], partition=1)
        reader.take(3)
        reader.quiet(0.5)
        assert [record.value for record in reader.records] == [b"0", b"1", b"other"]
        reader.consumer.resume(paused)
        assert [record.value for record in reader.take(5)][3:] == [b"2", b"3"]


def test_two_groups_read_independently(bus: Bus) -> None:
    topic = bus.topic()
    with bus.producer() as producer:
        publish(producer, topic, [b"a", b"b"])
    for group in (bus.group(), bus.group()):
        with bus.reader(group, topic) as reader:
            assert [record.value for record in reader.take(2)] == [b"a", b"b"]
            reader.consumer.commit({TopicPartition(topic, 0): Position(2)})


def test_what_is_not_assigned_cannot_be_moved(bus: Bus) -> None:
    topic = bus.topic()
    with bus.reader(bus.group(), topic) as reader:
        reader.until(lambda: bool(reader.owned))
        stranger = TopicPartition(topic, 7)
        for action in (reader.consumer.position, reader.consumer.pause, lambda each: reader.consumer.seek(each, 0)):
            with pytest.raises(LogError):
                action(stranger)


def test_poll_returns_within_its_timeout_and_keeps_to_its_bytes(bus: Bus) -> None:
    topic = bus.topic()
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        reader.until(lambda: bool(reader.owned))
        started = time.monotonic()
        assert reader.step(0.3) == []
        assert 0.2 < time.monotonic() - started < 3
        publish(producer, topic, [bytes(300_000)] * 10)
        sizes = _batch_sizes(reader, 10)
        assert all(size == 1 or size * 300_000 <= 1_200_000 for size in sizes)


def _batch_sizes(reader: Reader, count: int) -> list[int]:
    sizes: list[int] = []
    deadline = time.monotonic() + 30
    while sum(sizes) < count and time.monotonic() < deadline:
        sizes.append(len(reader.step(max_bytes=1_000_000)))
    assert sum(sizes) == count
    return sizes
