"""What only the log on Kafka does."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog.testing
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined] # the library's own gap

from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, LogUnavailable, Outgoing, Position, TopicPartition
from otelhouse.bus.kafka.client import LibraryLog
from otelhouse.clock import ManualClock, SystemClock
from otelhouse.config import LogSettings
from tests.contract.bus.support import Bus, both, publish
from tests.support.kafka import KafkaBroker


@pytest.fixture
def nobody() -> Iterator[Log]:
    """A log whose broker does not exist."""
    log = open_log(LogSettings(url="kafka://127.0.0.1:1", delivery_timeout_seconds=1.0), SystemClock())
    yield log
    log.close()


def test_a_check_without_a_broker_fails_within_two_seconds(nobody: Log) -> None:
    for _ in range(2):  # also when the client has known for a while
        started = time.monotonic()
        with pytest.raises(LogUnavailable):
            nobody.check()
        assert time.monotonic() - started < 2.5


def test_without_a_broker_records_are_refused_in_time_and_nothing_hangs(nobody: Log) -> None:
    producer, consumer = nobody.producer(), nobody.consumer("group")
    consumer.subscribe(["topic"], lambda _: None, lambda _: None)
    started = time.monotonic()
    (result,) = producer.publish([Outgoing("topic", 0, b"x")]).result(30)
    assert isinstance(result, LogUnavailable)
    assert time.monotonic() - started < 4
    with suppress(LogUnavailable):
        assert consumer.poll(0.2) == []
    producer.close()
    consumer.close()


def test_topics_are_created_with_append_time_and_limits(kafka: KafkaBroker) -> None:
    log = open_log(LogSettings(url=kafka.url, retention_hours=2.0, retention_bytes=64 << 20), SystemClock())
    admin = log.admin()
    admin.ensure_topic("configured", 4)
    admin.ensure_topic("configured", 4)
    resource = ConfigResource(ConfigResource.Type.TOPIC, "configured")
    client = AdminClient({"bootstrap.servers": kafka.bootstrap})
    found = {name: entry.value for name, entry in client.describe_configs([resource])[resource].result(30).items()}
    assert found["message.timestamp.type"] == "LogAppendTime"
    assert found["retention.ms"] == str(2 * 3_600_000)
    assert found["retention.bytes"] == str(16 << 20)
    assert int(found["max.message.bytes"]) > 900 * 1024
    admin.close()
    log.close()


def test_groups_work_where_the_brokers_lack_the_new_protocol() -> None:
    with tempfile.TemporaryDirectory(prefix="otelhouse-kafka-") as directory:
        broker = KafkaBroker(Path(directory), protocols="classic")
        broker.start()
        try:
            _share_and_take_over(Bus(broker.url, embedded=False))
        finally:
            broker.kill()


def _share_and_take_over(bus: Bus) -> None:
    topic, group = bus.topic(partitions=2), bus.group()
    with bus.producer() as producer, bus.reader(group, topic) as first:
        first.until(lambda: len(first.owned) == 2, "everything")
        with bus.reader(group, topic) as second:
            both([first, second], lambda: len(first.owned) == len(second.owned) == 1, "one each")
        first.until(lambda: len(first.owned) == 2, "everything again")
        publish(producer, topic, [b"a"], 0)
        publish(producer, topic, [b"b"], 1)
        first.take(2)
        first.consumer.commit({TopicPartition(topic, 0): Position(1, "c")})
        assert first.consumer.committed(TopicPartition(topic, 0)) == Position(1, "c")


def test_the_library_log_says_each_kind_of_line_once_in_a_while() -> None:
    clock = ManualClock()
    with structlog.testing.capture_logs() as lines:
        log = LibraryLog(clock)
        for _ in range(5):
            log.log(40, "%s", "FAIL [a]: no route")
            log.log(30, "GETPID [a]: retrying")
        assert len(lines) == 2
        clock.advance(31)
        log.log(40, "FAIL [a]: no route")
    assert [line["log_level"] for line in lines] == ["error", "warning", "error"]
