"""Looking records up by offset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from otelhouse.bus.contract import LogUnavailable, Position, Reader, TopicPartition
from tests.contract.bus.support import PATIENCE, Bus, publish


@contextlib.contextmanager
def opened(bus: Bus) -> Iterator[Reader]:
    reader = bus.open().reader()
    try:
        yield reader
    finally:
        reader.close()
        reader.close()


def test_records_are_found_by_their_offsets(bus: Bus) -> None:
    topic = bus.topic(2)
    with bus.producer() as producer, opened(bus) as reader:
        publish(producer, topic, [b"%d" % n for n in range(20)])
        publish(producer, topic, [b"other"], partition=1)
        name = TopicPartition(topic, 0)
        assert [record.value for record in reader.read(name, 3, 7)] == [b"3", b"4", b"5", b"6"]
        assert [record.offset for record in reader.read(name, 12, 13)] == [12]
        assert [record.offset for record in reader.read(name, 0, 20)] == list(range(20))
        assert [record.value for record in reader.read(TopicPartition(topic, 1), 0, 1)] == [b"other"]
        assert reader.read(name, 5, 5) == []


def test_a_long_range_comes_in_portions(bus: Bus) -> None:
    topic = bus.topic()
    name = TopicPartition(topic, 0)
    with bus.producer() as producer, opened(bus) as reader:
        publish(producer, topic, [bytes(1000)] * 10)
        at, portions = 2, []
        while at < 9:
            found = reader.read(name, at, 9, max_bytes=2_500)
            portions.append(len(found))
            at = found[-1].offset + 1
        assert sum(portions) == 7
        assert len(portions) > 2
        assert len(reader.read(name, 4, 9, max_bytes=1)) == 1


def test_what_lies_before_the_oldest_record_is_left_out(bus: Bus) -> None:
    topic, group = bus.topic(retention_bytes=1 << 20), bus.group()
    name = TopicPartition(topic, 0)
    with bus.producer(retention_bytes=1 << 20) as producer, bus.reader(group, topic) as member:
        for _ in range(30):
            publish(producer, topic, [bytes(100_000)])
            member.step()
            member.consumer.commit({name: Position(member.consumer.position(name))})
        if not bus.embedded:
            admin = AdminClient({"bootstrap.servers": bus.url.removeprefix("kafka://")})
            for future in admin.delete_records([KafkaPartition(topic, 0, 20)]).values():
                future.result(PATIENCE)
        with opened(bus) as reader:
            found = reader.read(name, 0, 30, max_bytes=1 << 30)
        assert 0 < len(found) < 30
        assert found[-1].offset == 29
        with opened(bus) as reader:
            assert reader.read(name, 0, 2) == []


def test_a_partition_that_is_not_there_is_an_error(bus: Bus) -> None:
    if not bus.embedded:
        pytest.skip("Kafka makes readers wait for topics that may come")
    with opened(bus) as reader, pytest.raises(LogUnavailable):
        reader.read(TopicPartition("no-such-topic", 0), 0, 1)
