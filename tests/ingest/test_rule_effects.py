"""Versions of rules take effect in the log: one control record a partition counts, whoever is killed in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest import rule_effects
from ingest.rule_effects import RuleEffects
from ingest.topics import Topics
from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, LogError, LogUnavailable, Outgoing, Producer, Record, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings, PostgresSettings
from otelhouse.postgres import Connection, connect
from otelhouse.rules.effects import effects
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.record import RuleChange, parse_headers
from schema.signal import Signal
from tests.support.kafka import KafkaBroker
from tests.support.postgres import migrate_postgres

PARTITIONS = 3
RETENTION = Kind.RETENTION


@pytest.fixture
def settings(postgres_url: str) -> PostgresSettings:
    migrate_postgres(postgres_url)
    return PostgresSettings(url=SecretStr(postgres_url))


@pytest.fixture
def store(settings: PostgresSettings) -> Iterator[Connection]:
    with connect(settings) as made:
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = open_log(LogSettings(url=f"embedded:{tmp_path / 'log'}"), SystemClock())
    yield opened
    opened.close()


class Faulty:
    """A producer that appends, and then says that it did not know, as often as it is told to."""

    def __init__(self, producer: Producer, times: int) -> None:
        self._producer = producer
        self.times = times

    def partitions(self, topic: str) -> int:
        return self._producer.partitions(topic)

    def publish(self, records: Sequence[Outgoing]) -> Future[list[int | LogError]]:
        answer = self._producer.publish(records)
        if self.times <= 0:
            return answer
        self.times -= 1
        doubtful: Future[list[int | LogError]] = Future()
        doubtful.set_result([LogUnavailable("lost the answer") for _ in answer.result(10)])
        return doubtful

    def close(self, timeout: float = 10.0) -> None:
        self._producer.close(timeout)


@contextmanager
def replica(settings: PostgresSettings, log: Log, partitions: int = PARTITIONS, doubts: int = 0) -> Iterator[RuleFeed]:
    """What ingest runs: feed, topics, and the thread under test."""
    producer, admin = Faulty(log.producer(), doubts), log.admin()
    topics = Topics(admin, producer, partitions)
    feed = RuleFeed(settings, SystemClock())
    working = RuleEffects(settings, feed, topics, producer)
    topics.start()
    feed.start()
    working.start()
    try:
        yield feed
    finally:
        for part in (working, feed, topics, producer, admin):
            part.close()


def apply(store: Connection, logs: int) -> None:
    RuleStore(store).apply([Change("default", RETENTION, {"logs": logs})], "test")


def until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def in_force(store: Connection, version: int, partitions: int = PARTITIONS) -> bool:
    return len(effects(store, RETENTION, "default", version)) == len(Signal) * partitions


def records(log: Log) -> list[Record]:
    """All records of all topics."""
    consumer, owned, found = log.consumer(f"test-{time.monotonic_ns()}"), list[TopicPartition](), list[Record]()
    consumer.subscribe([signal.topic for signal in Signal], owned.extend, lambda _: None)
    deadline = time.monotonic() + 30
    while not owned or any(consumer.position(each) < consumer.end(each) for each in owned):
        assert time.monotonic() < deadline
        found += consumer.poll(0.05)
    consumer.close()
    return found


def counted(store: Connection, log: Log) -> set[tuple[str, int, int]]:
    """(topic, partition, version) of the records that the table names; every one must be there."""
    there = {(each.topic, each.partition, each.offset): parse_headers(each.headers) for each in records(log)}
    found = set()
    rows = store.execute('SELECT kind, tenant, version, topic, partition, "offset" FROM rule_effects').fetchall()
    for kind, tenant, version, topic, partition, offset in rows:
        assert there[topic, partition, offset] == RuleChange(kind, tenant, version)
        found.add((topic, partition, version))
    return found


def everywhere(*versions: int, partitions: int = PARTITIONS) -> set[tuple[str, int, int]]:
    return {(signal.topic, number, each) for signal in Signal for number in range(partitions) for each in versions}


def test_a_version_takes_effect_once_in_every_partition(
    settings: PostgresSettings, store: Connection, log: Log
) -> None:
    apply(store, 1)
    with replica(settings, log):
        until(lambda: in_force(store, 1))
        apply(store, 2)
        until(lambda: in_force(store, 2))
    with replica(settings, log):  # a restart repeats nothing
        time.sleep(0.5)
    assert counted(store, log) == everywhere(1, 2)
    assert len(records(log)) == 2 * PARTITIONS * len(Signal)


def test_of_several_replicas_one_does_the_work_and_another_takes_over(
    settings: PostgresSettings, store: Connection, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_effects, "LOOK_SECONDS", 0.3)
    with replica(settings, log), replica(settings, log):
        apply(store, 1)
        until(lambda: in_force(store, 1))
        time.sleep(0.5)
        assert len(records(log)) == PARTITIONS * len(Signal)
        # As good as a crash of whoever holds the lock.
        store.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid <> pg_backend_pid()"
        )
        apply(store, 2)
        until(lambda: in_force(store, 2))
    assert counted(store, log) == everywhere(1, 2)


def test_a_record_that_nobody_wrote_down_is_repeated_and_the_table_says_which_counts(
    settings: PostgresSettings, store: Connection, log: Log
) -> None:
    """A crash after the append and before the answer was written down."""
    apply(store, 1)
    with replica(settings, log, doubts=2):
        until(lambda: in_force(store, 1))
    assert len(records(log)) == 3 * PARTITIONS * len(Signal)
    assert counted(store, log) == everywhere(1)


def test_partitions_that_are_added_get_the_version_in_force(
    settings: PostgresSettings, store: Connection, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_effects, "LOOK_SECONDS", 0.3)
    for logs in (1, 2):
        apply(store, logs)
    with replica(settings, log):
        until(lambda: in_force(store, 2))
    with replica(settings, log, PARTITIONS + 1):
        until(lambda: in_force(store, 2, PARTITIONS + 1))
    assert counted(store, log) == everywhere(2, partitions=PARTITIONS + 1)


def test_limits_leave_nothing_in_the_log() -> None:
    assert set(Kind) - set(rule_effects.CONCERNS) == {Kind.LIMITS}


def test_it_is_the_same_on_kafka_and_waits_while_kafka_is_away(
    settings: PostgresSettings, store: Connection, kafka: KafkaBroker
) -> None:
    kafka.stop()
    apply(store, 1)
    kafka_log = open_log(LogSettings(url=kafka.url, delivery_timeout_seconds=3), SystemClock())
    with replica(settings, kafka_log, 1):
        time.sleep(1)
        assert effects(store, RETENTION, "default", 1) == []
        kafka.start()
        until(lambda: len(effects(store, RETENTION, "default", 1)) >= len(Signal), 40)
    assert {name for name in counted(store, kafka_log) if name[2] == 1} >= everywhere(1, partitions=1)
    kafka_log.close()
