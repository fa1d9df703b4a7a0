"""The consumer of the log on Kafka when the library fails."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from otelhouse.bus.contract import LogUnavailable, Record, TopicPartition
from otelhouse.bus.kafka.client import LibraryLog
from otelhouse.bus.kafka.consumer import KafkaConsumer
from otelhouse.clock import SystemClock


class _Library:
    """librdkafka's consumer, for as much as a rewind needs."""

    def __init__(self, _: object) -> None:
        self.sought: list[tuple[int, int]] = []
        self.failing = True

    def subscribe(self, topics: Sequence[str], **_: object) -> None:
        pass

    def poll(self, _: float) -> None:
        return None

    def seek(self, to: KafkaPartition) -> None:
        if self.failing:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.sought.append((to.partition, to.offset))


def test_a_rewind_that_fails_is_done_before_anything_else_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otelhouse.bus.kafka.consumer.Consumer", _Library)
    consumer = KafkaConsumer("127.0.0.1:1", "group", LibraryLog(SystemClock()))
    consumer.subscribe(["topic"], lambda _: None, lambda _: None)
    library = consumer._consumer
    assert isinstance(library, _Library)
    consumer._next = {TopicPartition("topic", 0): 5, TopicPartition("topic", 1): 7}

    def break_off(found: list[Record], timeout: float, max_bytes: int) -> None:
        found += [Record("topic", number, offset, 0, (), b"") for offset in (5, 6) for number in (0, 1)]
        raise LogUnavailable("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(consumer, "_collect", break_off)
        with pytest.raises(LogUnavailable, match="in the middle"):
            consumer.poll(0.0)
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            consumer.poll(0.0)
    library.failing = False
    assert consumer.poll(0.0) == []
    assert library.sought == [(0, 5), (1, 5)]
    consumer.poll(0.0)
    assert library.sought == [(0, 5), (1, 5)], "once"
