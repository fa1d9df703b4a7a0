"""What the suite needs of either implementation, and a reader that remembers what happened to it."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from otelhouse.bus import open_log
from otelhouse.bus.contract import Consumer, Log, LogError, Outgoing, Producer, Record, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings

PATIENCE = 30.0
"""Seconds that a test waits for what must happen; noisy machines are slow."""


@dataclass
class Bus:
    """A log of one implementation, shared by the tests: each takes topics and groups of its own."""

    url: str
    embedded: bool
    shared_producer: Producer | None = None
    """On Kafka a producer takes up to a second to begin; tests that change no setting use the same one."""
    opened: list[Log] = field(default_factory=list)

    def open(self, **settings: float) -> Log:
        log = open_log(LogSettings.model_validate({"url": self.url, **settings}), SystemClock())
        self.opened.append(log)
        return log

    def topic(self, partitions: int = 1, **settings: float) -> str:
        name = f"topic-{uuid.uuid4().hex[:12]}"
        admin = self.open(**settings).admin()
        admin.ensure_topic(name, partitions)
        admin.close()
        return name

    def group(self) -> str:
        return f"group-{uuid.uuid4().hex[:12]}"

    @contextmanager
    def producer(self, **settings: float) -> Iterator[Producer]:
        if self.shared_producer is not None and not settings:
            yield self.shared_producer
            return
        producer = self.open(**settings).producer()
        try:
            yield producer
        finally:
            producer.close()

    @contextmanager
    def reader(self, group: str, *topics: str) -> Iterator[Reader]:
        reader = Reader(self.open().consumer(group), topics)
        try:
            yield reader
        finally:
            reader.consumer.close()


class Reader:
    """A subscribed consumer and all it was given."""

    def __init__(self, consumer: Consumer, topics: Sequence[str]) -> None:
        self.consumer = consumer
        self.records: list[Record] = []
        self.owned: set[TopicPartition] = set()
        self.when_assigned: Callable[[list[TopicPartition]], None] = lambda _: None
        self.when_revoked: Callable[[list[TopicPartition]], None] = lambda _: None
        consumer.subscribe(topics, self._assigned, self._revoked)

    def step(self, timeout: float = 0.1, max_bytes: int = 8 << 20) -> list[Record]:
        found = self.consumer.poll(timeout, max_bytes)
        self.records += found
        return found

    def until(self, happened: Callable[[], bool], what: str = "") -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, (
                f"in vain: {what or happened}; owned {self.owned}, {len(self.records)} read"
            )
            self.step()

    def take(self, count: int) -> list[Record]:
        """Read until there are so many records in all, and return them."""
        self.until(lambda: len(self.records) >= count, f"{count} records")
        return self.records

    def quiet(self, seconds: float) -> None:
        """Poll for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.step(0.05)

    def _assigned(self, partitions: Iterable[TopicPartition]) -> None:
        new = list(partitions)
        self.owned |= set(new)
        self.when_assigned(new)

    def _revoked(self, partitions: Iterable[TopicPartition]) -> None:
        gone = list(partitions)
        self.when_revoked(gone)
        self.owned -= set(gone)


def both(readers: Sequence[Reader], happened: Callable[[], bool], what: str) -> None:
    """Poll several members in turn until it has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"in vain: {what}; owned {[each.owned for each in readers]}"
        for reader in readers:
            reader.step(0.05)


def publish(producer: Producer, topic: str, values: Sequence[bytes], partition: int = 0) -> list[int | LogError]:
    """Publish in one call and wait."""
    return producer.publish([Outgoing(topic, partition, value) for value in values]).result(PATIENCE)


@contextmanager
def child(*arguments: str, output: IO[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process of tests/contract/bus/child.py; killed at the end. A pipe holds little: give a file for much output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.bus.child", *arguments], stdout=output or subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
