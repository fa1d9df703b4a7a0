"""The driver on the real embedded log, with workers that only note what they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, LogUnavailable, Outgoing, Position, Record, TopicPartition
from otelhouse.clickhouse import Retryable
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings, ProcessorSettings
from processor import metrics
from processor.assignment import Assignment
from processor.commit import read_position
from processor.driver import Driver
from processor.stored import Stored
from processor.ticks import Ticker
from processor.window import Limits, Window
from processor.worker import Outcome
from schema.record import Control, Framing, control_headers
from schema.signal import Signal

LookUp = Callable[[TopicPartition], Stored | None]

GROUP = "group"
NAME = TopicPartition(Signal.TRACES.topic, 0)


class Notebook:
    """Stands in for a worker: keeps windows until the test says what became of them."""

    def __init__(self) -> None:
        self.given: list[tuple[Assignment, Window]] = []

    def submit(self, assignment: Assignment, window: Window) -> None:
        self.given.append((assignment, window))

    def offsets(self) -> list[int]:
        return [entry.record.offset for _, window in self.given for entry in window.entries]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(LogSettings(url=f"embedded:{tmp_path}", partitions=1), SystemClock())
    admin = log.admin()
    for signal in Signal:
        admin.ensure_topic(signal.topic, 1)
    admin.close()
    yield log
    log.close()


class Member:
    """One driver with its notebook."""

    def __init__(self, log: Log, rows: int = 1000, look_up: LookUp = lambda _: None, group: str = GROUP) -> None:
        clock = SystemClock()
        self.notebook = Notebook()
        self.consumer = log.consumer(group)
        self.producer = log.producer()
        ticker = Ticker(self.producer, clock)
        workers: list[Any] = [self.notebook]
        settings = ProcessorSettings(window_seconds=0.2, window_rows=rows)
        limits = {signal.topic: Limits.of(signal, settings, 1) for signal in Signal}
        self.driver = Driver(self.consumer, workers, ticker, clock, look_up, limits, settle_seconds=0.1)
        self.driver.subscribe()

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(400):
            self.driver.step()
            if done():
                return
        raise AssertionError("it never came")

    def finish_all(self) -> None:
        for assignment, window in self.notebook.given:
            self.driver.outcomes.put(Outcome(assignment, window, stored=True))
        self.notebook.given.clear()


@pytest.fixture
def member(log: Log) -> Iterator[Member]:
    member = Member(log)
    yield member
    member.driver.close()
    member.producer.close()


def publish(log: Log, count: int) -> None:
    producer = log.producer()
    headers = Framing("acme", 1, 0).headers()
    producer.publish([Outgoing(*NAME, b"", headers) for _ in range(count)]).result(10)
    producer.close()


def committed(log: Log) -> Position | None:
    consumer = log.consumer(GROUP)
    try:
        return consumer.committed(NAME)
    finally:
        consumer.close()


def test_what_the_log_held_before_the_group_first_came_is_read(log: Log) -> None:
    publish(log, 3)
    member = Member(log)
    try:
        member.until(lambda: len(member.notebook.offsets()) >= 3)
        assert member.notebook.offsets() == [0, 1, 2]
    finally:
        member.driver.close()
        member.producer.close()


def test_an_open_window_is_ended_by_a_tick_of_its_owner(log: Log, member: Member) -> None:
    member.until(lambda: committed(log) is not None)
    publish(log, 2)
    member.until(lambda: bool(member.notebook.given))
    (_, window) = member.notebook.given[0]
    assert (window.start, window.end) == (0, 2)
    member.finish_all()
    member.until(lambda: (held := committed(log)) is not None and held.resume >= 3)


def test_nothing_is_committed_before_it_is_stored(log: Log, member: Member) -> None:
    publish(log, 2)
    member.until(lambda: bool(member.notebook.given))
    for _ in range(8):
        member.driver.step()
    held = committed(log)
    assert held is not None
    assert held.resume == 0
    member.finish_all()
    member.until(lambda: (held := committed(log)) is not None and held.resume >= 2)


def test_a_partition_that_falls_behind_is_not_read_on(log: Log) -> None:
    publish(log, 50)
    member = Member(log, rows=1)
    try:
        member.until(lambda: bool(member.notebook.given))
        given = len(member.notebook.given)
        publish(log, 50)
        for _ in range(5):
            member.driver.step()
        assert len(member.notebook.given) == given
        member.finish_all()
        member.until(lambda: bool(member.notebook.given))
    finally:
        member.driver.close()
        member.producer.close()


def test_a_stopped_partition_is_reported_and_never_committed(log: Log, member: Member) -> None:
    publish(log, 2)
    member.until(lambda: bool(member.notebook.given))
    assignment, window = member.notebook.given[0]
    member.driver.outcomes.put(Outcome(assignment, window, stored=False, fault="rows are missing"))
    member.until(lambda: bool(member.driver.stopped))
    assert member.driver.stopped == {"telemetry.traces/0": "rows are missing"}
    publish(log, 2)
    for _ in range(5):
        member.driver.step()
    held = committed(log)
    assert held is not None
    assert held.resume == 0


def test_a_partition_given_away_is_committed_as_far_as_it_is_stored(log: Log) -> None:
    member = Member(log, rows=1)
    publish(log, 3)
    member.until(lambda: len(member.notebook.given) >= 3)
    for assignment, window in member.notebook.given[:2]:
        member.driver.outcomes.put(Outcome(assignment, window, stored=True))
    assignment, window = member.notebook.given[2]
    member.driver.outcomes.put(Outcome(assignment, window, stored=False, fault="given up"))
    member.driver.close()
    member.producer.close()
    held = committed(log)
    assert held is not None
    assert read_position(held).emitted == 2
    assert assignment.abandoned


def test_a_commit_that_is_not_ours_stops_the_partition(log: Log) -> None:
    consumer = log.consumer(GROUP)
    consumer.subscribe([NAME.topic], lambda _: None, lambda _: None)
    for _ in range(50):
        consumer.poll(0.05)
        try:
            consumer.commit({NAME: Position(0, "somebody else's")})
            break
        except Exception:  # noqa: BLE001 - not assigned yet
            continue
    consumer.close()
    member = Member(log)
    try:
        member.until(lambda: bool(member.driver.stopped))
        assert "is not ours" in member.driver.stopped["telemetry.traces/0"]
    finally:
        member.driver.close()
        member.producer.close()


def test_a_partition_that_the_log_does_not_answer_for_holds_up_no_other(log: Log, member: Member) -> None:
    end = member.consumer.end

    def partly(partition: TopicPartition) -> int:
        if partition.topic != NAME.topic:
            raise LogUnavailable("its leader is away")
        return end(partition)

    member.consumer.end = partly  # type: ignore[method-assign]  # as a broker that is down
    publish(log, 3)
    for _ in range(100):
        with suppress(LogUnavailable):
            member.driver.step()
        member.finish_all()
        if (position := committed(log)) is not None and position.resume >= 3:
            return
    raise AssertionError("nothing was committed")


def test_ticks_alone_leave_nothing_behind(log: Log, member: Member) -> None:
    producer = log.producer()
    producer.publish([Outgoing(*NAME, b"", control_headers(Control.TICK)) for _ in range(3)]).result(10)
    producer.close()
    member.until(lambda: len(member.notebook.given) == 3)
    assert member.notebook.offsets() == []
    member.finish_all()
    member.until(lambda: (held := committed(log)) is not None and held.resume == 3)


def stored_of_traces(stored: Stored) -> LookUp:
    return lambda name: stored if name == NAME else None


def spans_of(member: Member) -> list[tuple[int, int]]:
    return [(window.start, window.end) for _, window in member.notebook.given if window.fresh and window.entries]


def close(member: Member) -> None:
    member.driver.close()
    member.producer.close()


def test_a_group_without_its_commits_cuts_the_newest_block_as_it_was_and_goes_on_from_its_end(log: Log) -> None:
    publish(log, 12)
    member = Member(log, rows=2, look_up=stored_of_traces(Stored(3, 8, 0)))
    try:
        member.until(lambda: len(spans_of(member)) >= 3)
        assert spans_of(member)[:3] == [(3, 8), (8, 10), (10, 12)]
    finally:
        close(member)


def test_how_the_newest_block_ends_is_committed(log: Log) -> None:
    publish(log, 12)
    stored = stored_of_traces(Stored(3, 8, 0))
    first = Member(log, rows=2, look_up=stored)
    first.until(lambda: bool(first.notebook.given))
    close(first)
    second = Member(log, rows=1)
    try:
        second.until(lambda: len(spans_of(second)) >= 3)
        assert spans_of(second)[:3] == [(3, 8), (8, 10), (10, 12)]
    finally:
        close(second)


def test_a_log_that_ends_before_what_is_stored_stops_a_partition_without_a_commit(log: Log) -> None:
    publish(log, 2)
    member = Member(log, look_up=stored_of_traces(Stored(3, 8, 0)))
    try:
        member.until(lambda: bool(member.driver.stopped))
        assert member.driver.stopped == {
            "telemetry.traces/0": "the log ends at 2, before 8, up to which everything was stored"
        }
        assert committed(log) is None
    finally:
        close(member)


def test_partitions_without_a_commit_wait_for_clickhouse_which_is_not_asked_without_end(log: Log) -> None:
    answers: list[Stored] = []
    asked: list[TopicPartition] = []

    def look_up(name: TopicPartition) -> Stored | None:
        asked.append(name)
        if not answers:
            raise Retryable("down")
        return answers[0]

    publish(log, 3)
    member = Member(log, look_up=look_up, group="renamed")
    try:
        for _ in range(4):
            member.driver.step()
        assert len(asked) == 1
        assert member.notebook.given == []
        answers.append(Stored(None, 2, 0))
        member.until(lambda: bool(member.notebook.given))
        assert spans_of(member)[0] == (0, 2)
    finally:
        close(member)


def test_a_commit_is_enough_without_clickhouse(log: Log) -> None:
    earlier = Member(log)
    earlier.until(lambda: committed(log) is not None)
    close(earlier)

    def look_up(_: TopicPartition) -> Stored | None:
        raise Retryable("down")

    publish(log, 3)
    member = Member(log, look_up=look_up)
    try:
        member.until(lambda: bool(member.notebook.given))
    finally:
        close(member)


def test_records_that_the_log_deleted_before_they_were_stored_are_counted(log: Log) -> None:
    counter = metrics.MISSING.labels(NAME.topic)
    before = counter._value.get()
    publish(log, 12)

    def without_the_oldest(timeout: float, max_bytes: int = 1 << 20) -> list[Record]:
        return [record for record in poll(timeout, max_bytes) if record.topic != NAME.topic or record.offset >= 5]

    earlier = Member(log)
    earlier.until(lambda: committed(log) is not None)
    close(earlier)
    member = Member(log)
    poll = member.consumer.poll
    member.consumer.poll = without_the_oldest  # type: ignore[method-assign]  # as retention would
    try:
        member.until(lambda: bool(member.notebook.given))
        assert counter._value.get() - before == 5
        assert [window.start for _, window in member.notebook.given if window.entries] == [5]
    finally:
        close(member)
