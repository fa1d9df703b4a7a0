"""What is deleted, and how a reader gets over it."""

from __future__ import annotations

import os
import time

from otelhouse.bus.contract import LogError, LogFull, Position, Producer, TopicPartition
from schema.record import DEAD_LETTER_TOPIC
from tests.contract.bus.support import PATIENCE, Bus, Reader, publish

MIB = 1 << 20
SECOND = 1.0 / 3600
"""In hours."""


def test_old_records_are_deleted(bus: Bus) -> None:
    topic = bus.topic(retention_hours=SECOND)
    with bus.producer(retention_hours=SECOND) as producer, bus.reader(bus.group(), topic) as reader:
        publish(producer, topic, [b"old"])
        _until_gone(reader, producer, topic, offset=0)


def test_too_many_bytes_push_out_the_oldest(bus: Bus) -> None:
    topic = bus.topic(retention_bytes=8 * MIB)
    with bus.producer(retention_bytes=8 * MIB) as producer, bus.reader(bus.group(), topic) as reader:
        for number in range(32):
            assert publish(producer, topic, [os.urandom(MIB // 2)]) == [number]
            reader.take(number + 1)
            reader.consumer.commit({TopicPartition(topic, 0): Position(number + 1)})
        assert _until_gone(reader, producer, topic, offset=7) < 31, "not more than it must"


def test_a_reader_that_was_overtaken_goes_on_with_the_oldest_kept(bus: Bus) -> None:
    topic, group = bus.topic(retention_hours=SECOND), bus.group()
    with bus.producer(retention_hours=SECOND) as producer:
        with bus.reader(group, topic) as reader:
            publish(producer, topic, [b"first"])
            reader.take(1)
            oldest = _until_gone(reader, producer, topic, offset=0)
            reader.consumer.commit({TopicPartition(topic, 0): Position(0)})
        with bus.reader(group, topic) as again:
            while not again.records:
                publish(producer, topic, [b"more"])
                again.step(0.3)
            assert again.records[0].offset >= oldest


def test_the_embedded_log_keeps_what_a_group_needs_and_refuses_producers_when_full(bus: Bus) -> None:
    if not bus.embedded:
        return  # Kafka's retention asks no group
    topic, group = bus.topic(), bus.group()
    partition = TopicPartition(topic, 0)
    with (
        bus.producer(retention_bytes=4 * MIB, retention_hours=SECOND / 2) as producer,
        bus.reader(group, topic) as reader,
    ):
        reader.until(lambda: bool(reader.owned))
        stored = _fill(producer, topic)
        reader.take(stored)
        time.sleep(1.0)  # older than the limit by now
        (refused,) = publish(producer, topic, [bytes(MIB // 2)])
        assert isinstance(refused, LogFull)
        assert group in str(refused)
        for number in range(40):
            (tick,) = publish(producer, topic, [b""])
            assert tick == stored + number, "control records are let in: they move on who holds the log"
        reader.consumer.commit({partition: Position(3)})
        assert isinstance(publish(producer, topic, [bytes(MIB // 2)])[0], int)
        deadline = time.monotonic() + PATIENCE
        while (oldest := _oldest(reader, topic)) < 3 and time.monotonic() < deadline:
            publish(producer, topic, [b""])
        assert oldest == 3, "up to resume and no further"


def test_the_full_embedded_log_takes_dead_letters_within_bounds(bus: Bus) -> None:
    if not bus.embedded:
        return
    topic, partition = bus.topic(), TopicPartition(DEAD_LETTER_TOPIC, 0)
    bus.open().admin().ensure_topic(DEAD_LETTER_TOPIC, 1)
    with bus.producer(retention_bytes=4 * MIB) as producer, bus.reader(bus.group(), topic) as reader:
        reader.until(lambda: bool(reader.owned))
        stored = _fill(producer, topic)
        letters = [publish(producer, DEAD_LETTER_TOPIC, [bytes(MIB // 2)] * 4) for _ in range(8)]
        assert letters == [list(range(first, first + 4)) for first in range(0, 32, 4)]
        assert publish(producer, topic, [b""]) == [stored], "the log is over its limit now"
        with bus.reader(bus.group(), DEAD_LETTER_TOPIC) as undertaker:
            undertaker.until(lambda: bool(undertaker.records))
            first = undertaker.records[0].offset
            assert 32 - 8 * MIB // (MIB // 2) <= first < 32, "newer ones push out older ones"
            undertaker.take(32 - first)
            while isinstance(result := publish(producer, DEAD_LETTER_TOPIC, [bytes(MIB // 2)])[0], int):
                assert result < 50, "not even dead letters are taken without end"
            assert isinstance(result, LogFull)
            undertaker.consumer.commit({partition: Position(32)})
            assert isinstance(publish(producer, DEAD_LETTER_TOPIC, [bytes(MIB // 2)])[0], int)
        assert isinstance(publish(producer, topic, [bytes(MIB)])[0], LogError)


def _fill(producer: Producer, topic: str) -> int:
    """Publish until not a byte more is taken; the number of records stored."""
    stored = 0
    for size in (MIB // 2, MIB // 16, MIB // 128, 256, 1):
        while isinstance(publish(producer, topic, [bytes(size)])[0], int):
            stored += 1
            assert stored < 1000, "the log never got full"
    return stored


def _until_gone(reader: Reader, producer: Producer, topic: str, offset: int) -> int:
    """Wait until the record at the offset is deleted, with a reader that keeps up and commits; the oldest kept."""
    deadline = time.monotonic() + PATIENCE
    partition = TopicPartition(topic, 0)
    reader.until(lambda: bool(reader.owned))
    while time.monotonic() < deadline:
        publish(producer, topic, [b"more"])
        reader.consumer.commit({partition: Position(reader.consumer.end(partition) - 1)})
        oldest = _oldest(reader, topic)
        if oldest > offset:
            return oldest
        time.sleep(0.2)
    raise AssertionError("still there")


def _oldest(reader: Reader, topic: str) -> int:
    """Offset of the oldest record kept."""
    reader.consumer.seek(TopicPartition(topic, 0), 0)
    count = len(reader.records)
    return reader.take(count + 1)[count].offset
