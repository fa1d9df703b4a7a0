"""Appends to the embedded log by group commit: what waits is written in one transaction with one fsync."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

import structlog

from otelhouse.bus.contract import (
    MAX_VALUE_BYTES,
    LogError,
    LogFull,
    LogUnavailable,
    Outgoing,
    RecordTooLarge,
    TopicPartition,
)
from otelhouse.bus.embedded import codec, groups, records
from otelhouse.bus.embedded.environment import Transaction
from otelhouse.bus.embedded.retention import Retention
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import Clock
from otelhouse.config import LogSettings
from schema.record import DEAD_LETTER_TOPIC

QUEUE_BYTES = 64 << 20
"""Values that may wait; beyond it publish() answers LogUnavailable."""
COMMIT_BYTES = 16 << 20
"""Values that one transaction takes, unless a single call brings more."""
LETTER_ROOM_BYTES = 8 << 20
"""What dead letters may take over the limit of retention. Beyond it newer ones push out older ones."""
TIDY_SECONDS = 2.0
"""How often old records and the slots of killed readers are looked for."""

Results = list[int | LogError]
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Call:
    """One publish()."""

    records: Sequence[Outgoing]
    size: int
    deadline: float
    future: Future[Results]

    def resolve(self, results: Results) -> None:
        with suppress(InvalidStateError):  # resolved already, or cancelled by the caller
            self.future.set_result(results)

    def fail(self, error: LogError) -> None:
        self.resolve([error] * len(self.records))


class EmbeddedProducer:
    """See `contract.Producer`. Threads: one writes, one watches deadlines; both sleep while nothing waits."""

    def __init__(self, store: Store, clock: Clock, settings: LogSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._changed = threading.Condition()
        self._waiting: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._tidied = float("-inf")
        self._writer = threading.Thread(target=self._write_until_closed, name="log-writer", daemon=True)
        self._writer.start()
        self._unanswered: deque[_Call] = deque()
        self._watch_changed = threading.Condition()
        self._watcher = threading.Thread(target=self._watch_until_closed, name="log-deadlines", daemon=True)
        self._watcher.start()

    def partitions(self, topic: str) -> int:
        if self._closing:
            raise LogUnavailable("the producer is closed")
        with self._store.records.read() as transaction:
            found = records.topic(transaction, topic)
        if found is None:
            raise LogUnavailable(f"there is no topic {topic}")
        return found[1]

    def publish(self, records: Sequence[Outgoing]) -> Future[Results]:
        size = sum(len(record.value) for record in records)
        deadline = self._clock.monotonic() + self._settings.delivery_timeout_seconds
        call = _Call(records, size, deadline, Future())
        with self._changed:
            if self._closing:
                call.fail(LogUnavailable("the producer is closed"))
            elif self._waiting and self._waiting_bytes + size > QUEUE_BYTES:
                call.fail(LogUnavailable("too many records wait for the log"))
            else:
                self._waiting.append(call)
                self._waiting_bytes += size
                self._changed.notify()
        self._watch(call)
        return call.future

    def close(self, timeout: float = 10.0) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join(timeout)
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        with self._watch_changed:
            left += self._unanswered
            self._watch_changed.notify()
        for call in left:
            call.fail(LogUnavailable("the producer was closed before the log answered"))

    def _write_until_closed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing, timeout=TIDY_SECONDS)
                if self._closing and not self._waiting:
                    return
                calls = list(self._take())
            try:
                with suppress(LogError):  # what cannot be tidied now can be next time
                    self._tidy()
                if calls:
                    self._write(calls)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread that all wait for
                _log.exception("log writer")
                for call in calls:
                    call.fail(LogUnavailable(f"the log's writer failed: {error!r}"))

    def _watch(self, call: _Call) -> None:
        with self._watch_changed:
            if not self._unanswered:
                self._watch_changed.notify()
            # The watcher sleeps until a deadline: meanwhile let go of what is answered, but for one to go on from.
            while len(self._unanswered) > 1 and self._unanswered[0].future.done():
                self._unanswered.popleft()
            self._unanswered.append(call)

    def _watch_until_closed(self) -> None:
        """The write lock may be held by a process that hangs: then it is this thread that answers in time."""
        with self._watch_changed:
            while not self._closing or self._unanswered:
                while self._unanswered and self._unanswered[0].future.done():
                    self._unanswered.popleft()
                wait = None if not self._unanswered else self._unanswered[0].deadline - self._clock.monotonic()
                if wait is not None and wait <= 0:
                    self._unanswered[0].fail(LogUnavailable("the log did not answer in time"))
                else:
                    self._watch_changed.wait(wait)

    def _take(self) -> Iterator[_Call]:
        size = 0
        while self._waiting and (not size or size + self._waiting[0].size <= COMMIT_BYTES):
            call = self._waiting.popleft()
            size += call.size
            self._waiting_bytes -= call.size
            yield call

    def _write(self, calls: Sequence[_Call]) -> None:
        now = self._clock.monotonic()
        encoded: list[tuple[_Call, list[bytearray | LogError]]] = []
        for call in calls:
            if now > call.deadline:
                call.fail(LogUnavailable("the log did not answer in time"))
            else:
                encoded.append((call, [_encode(record) for record in call.records]))
        try:
            results = self._append(encoded)
        except LogError as error:
            for call, _ in encoded:
                call.fail(error)
            return
        for (call, _), result in zip(encoded, results, strict=True):
            call.resolve(result)

    def _append(self, calls: Sequence[tuple[_Call, list[bytearray | LogError]]]) -> list[Results]:
        results: list[Results] = []
        with self._store.records.write() as transaction:
            retention = self._retention(transaction)
            touched: dict[TopicPartition, records.PartitionState] = {}
            for call, values in calls:
                try:
                    if room := _room(call.records, values):
                        retention.make_room(room)
                except LogFull as error:
                    results.append([error] * len(values))
                    continue
                now_ms = self._clock.now_ns() // 1_000_000
                each = zip(call.records, values, strict=True)
                results.append([_put(retention, touched, record, value, now_ms) for record, value in each])
            for state in touched.values():
                records.save(transaction, state)
        return results

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if now - self._tidied < TIDY_SECONDS:
            return
        self._tidied = now
        self._store.records.clear_dead_readers()
        self._store.groups.clear_dead_readers()
        now_ms = self._clock.now_ns() // 1_000_000
        with self._store.records.read() as transaction:
            if not self._retention(transaction).expired(now_ms):
                return
        with self._store.records.write() as transaction:
            self._retention(transaction).expire(now_ms)

    def _retention(self, transaction: Transaction) -> Retention:
        partitions = records.states(transaction)
        with self._store.groups.read() as group_transaction:
            floors = groups.floors(group_transaction, partitions)
        max_age_ms = int(self._settings.retention_hours * 3_600_000)
        return Retention(transaction, floors, max_age_ms, self._settings.retention_bytes, partitions)


def _encode(record: Outgoing) -> bytearray | LogError:
    if len(record.value) > MAX_VALUE_BYTES:
        return RecordTooLarge(f"{len(record.value)} bytes are over the limit of {MAX_VALUE_BYTES} for a record")
    return codec.encode(record)


def _put(
    retention: Retention,
    touched: dict[TopicPartition, records.PartitionState],
    record: Outgoing,
    value: bytearray | LogError,
    now_ms: int,
) -> int | LogError:
    name = TopicPartition(record.topic, record.partition)
    state = retention.partitions.get(name)
    if isinstance(value, LogError):
        return value
    if state is None:
        return LogUnavailable(f"there is no partition {name.topic}/{name.partition}")
    if record.topic == DEAD_LETTER_TOPIC:
        try:
            retention.make_room(codec.room(len(value)), spare=LETTER_ROOM_BYTES)
        except LogFull as error:
            return error
    codec.stamp(value, now_ms)
    touched[name] = state
    return records.append(retention.transaction, state, value)


def _room(outgoing: Sequence[Outgoing], values: Sequence[bytearray | LogError]) -> int:
    """Room to find for a call.

    Control records are let in when the log is full: only they move on who holds it. Room for dead letters is found
    one by one.
    """
    return sum(
        codec.room(len(value))
        for record, value in zip(outgoing, values, strict=True)
        if isinstance(value, bytearray) and record.value and record.topic != DEAD_LETTER_TOPIC
    )
