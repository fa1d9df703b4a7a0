"""The loop of the one thread that owns the consumer: poll, feed, hand out, commit, tick.

What it must never do is wait for ClickHouse: a member that stops polling loses its partitions. (But for the one look
at what is stored of a partition without a commit, which takes a few seconds at worst.)
"""

from __future__ import annotations

import contextlib
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from otelhouse.bus.contract import Consumer, LogError, LogFenced, Record, TopicPartition
from otelhouse.clickhouse import ClickHouseError, Retryable
from otelhouse.clock import Clock
from otelhouse.telemetry import get_logger
from processor import metrics
from processor.assignment import Assignment
from processor.backpressure import Load, to_pause
from processor.commit import Checkpoint, CommitError, Opened, first_checkpoint, read_position, stored_checkpoint
from processor.memory import give_back
from processor.metrics_rows.metrics import show_active
from processor.stored import Stored
from processor.ticks import Ticker
from processor.window import Limits
from processor.worker import Outcome, Worker
from schema.signal import Signal

_log = get_logger(__name__)

_POLL_BYTES = 4 << 20
_BUDGET_BYTES = 64 << 20
# A burst that left less than this behind is not worth the trouble.
_WORTH_GIVING_BACK = 16 << 20
_IDLE_POLL, _BUSY_POLL = 0.25, 0.02
_COMMIT_EVERY, _MEASURE_EVERY = 0.5, 2.0
_LOOK_UP_AGAIN = 2.0
SETTLE_SECONDS = 5.0
"""How long windows under way may take to be stored when a partition is given away, or we stop."""


class Driver:
    """Owns the consumer. One thread uses it; workers report to `outcomes`, which any thread may put to.

    `look_up` says what is stored of a partition; may raise ClickHouseError, and is asked again later.
    """

    def __init__(
        self,
        consumer: Consumer,
        workers: Sequence[Worker],
        ticker: Ticker,
        clock: Clock,
        look_up: Callable[[TopicPartition], Stored | None],
        limits: Mapping[str, Limits],
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._consumer = consumer
        self._workers = workers
        self._ticker = ticker
        self._clock = clock
        self._look_up = look_up
        self._settle_seconds = settle_seconds
        self._limits = limits
        self._owned: dict[TopicPartition, Assignment] = {}
        # Offset of the first record that was polled before its partition was opened, if one was.
        self._unopened: dict[TopicPartition, int | None] = {}
        # Those of them that wait for ClickHouse, and when it is asked again.
        self._waiting: set[TopicPartition] = set()
        self._look_up_at = clock.monotonic()
        self._paused: set[TopicPartition] = set()
        self._commit_at = self._measure_at = clock.monotonic()
        self._bytes_stored = 0
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    @property
    def stopped(self) -> dict[str, str]:
        """Fault by partition, for those that were stopped."""
        return {
            f"{name.topic}/{name.partition}": each.stopped for name, each in self._owned.copy().items() if each.stopped
        }

    def subscribe(self) -> None:
        """Join the group."""
        self._consumer.subscribe([signal.topic for signal in Signal], self._assigned, self._revoked)

    def step(self) -> None:
        """One round. Raises LogUnavailable."""
        records = self._consumer.poll(self._patience(), _POLL_BYTES)
        for name, some in groupby(records, lambda record: TopicPartition(record.topic, record.partition)):
            self._feed(name, some)
        unanswered = self._open_next()
        self._collect()
        self._press_back()
        now = self._clock.monotonic()
        if now >= self._commit_at:
            self._commit_at = now + _COMMIT_EVERY
            self._commit(self._owned.values())
        if now >= self._measure_at:
            self._measure_at = now + _MEASURE_EVERY
            self._measure()
        self._ticker.tick(self._owned.values(), self._consumer)
        if unanswered is not None:
            raise unanswered

    def _patience(self) -> float:
        """How long to wait for records: outcomes of workers, and ticks, are looked for in between."""
        if any(each.pending for each in self._owned.values()):
            return _BUSY_POLL
        # A tick that is due waits for the partition to be read to its end: do not spin meanwhile.
        return min(_IDLE_POLL, max(_BUSY_POLL, self._ticker.due_in(self._owned.values())))

    def close(self) -> None:
        """Store what is complete, commit, leave the group."""
        self._revoked(list(self._owned))
        self._consumer.close()

    def _assigned(self, names: Iterable[TopicPartition]) -> None:
        # Opened by step(), where the log's being away can be waited out.
        self._unopened.update((name, None) for name in names)

    def _revoked(self, names: Iterable[TopicPartition]) -> None:
        gone = list(names)
        for name in gone:
            self._unopened.pop(name, None)
        self._waiting.difference_update(gone)
        self._paused.difference_update(gone)
        leaving = [self._owned[name] for name in gone if name in self._owned]
        self._settle(leaving)
        self._commit(leaving)
        for assignment in leaving:
            assignment.abandon()
            self._owned.pop(assignment.name, None)
            with contextlib.suppress(KeyError):
                metrics.LAG.remove(assignment.name.topic, str(assignment.name.partition))

    def _settle(self, leaving: list[Assignment]) -> None:
        """Give windows under way a moment to be stored; then have them given up."""
        deadline = self._clock.monotonic() + self._settle_seconds
        while any(each.pending and not each.stopped for each in leaving):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(queue.Empty):
                self._take(self.outcomes.get(timeout=left))

    def _open_next(self) -> LogError | None:
        """Open what was assigned, up to the first that the log does not answer for; the others go first next time."""
        for name in list(self._unopened):
            if name in self._waiting and self._clock.monotonic() < self._look_up_at:
                continue
            try:
                self._open(name)
            except LogError as error:
                self._unopened[name] = self._unopened.pop(name)
                return error
            except ClickHouseError as error:
                self._wait_for_clickhouse(name, error)
        return None

    def _wait_for_clickhouse(self, name: TopicPartition, error: ClickHouseError) -> None:
        self._unopened[name] = self._unopened.pop(name)
        self._waiting.add(name)
        now = self._clock.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + _LOOK_UP_AGAIN
            reason = " ".join(str(error).split())[:500]
            _log.warning("cannot look up what is stored without a commit; trying again", reason=reason)

    def _open(self, name: TopicPartition) -> None:
        """Begin with a partition where its group left off. What was polled of it before is read again."""
        position = self._consumer.committed(name)
        stored = self._find_stored(name) if position is None else None
        # Asked for last: blocks that were found end before it, unless the log is another one.
        end = self._consumer.end(name)
        limits = self._limits[name.topic]
        fault = ""
        try:
            held = read_position(position) if position else self._begin(name, stored, end)
        except CommitError as error:
            held, fault = first_checkpoint(end, limits), str(error)
        if held.emitted > end:
            fault = _beyond(held.emitted, end)
        checkpoint = held.under(limits, end)
        assignment = Assignment(name, checkpoint, end)
        if fault:
            self._stop(assignment, fault)
        else:
            if position is None or checkpoint != held:
                self._consumer.commit({name: checkpoint.position()})
            self._consumer.seek(name, checkpoint.resume)
        self._owned[name] = assignment
        del self._unopened[name]
        self._waiting.discard(name)
        _log.info("partition opened", topic=name.topic, partition=name.partition, resume=checkpoint.resume, end=end)

    def _find_stored(self, name: TopicPartition) -> Stored | None:
        """Ask ClickHouse, unless it has just failed to answer: its time-outs must not add up."""
        if self._clock.monotonic() < self._look_up_at:
            raise Retryable("it has just not answered")
        return self._look_up(name)

    def _begin(self, name: TopicPartition, stored: Stored | None, end: int) -> Checkpoint:
        """Where to begin without a commit: at the newest block stored, if there is one."""
        oldest, limits = self._first_offset(name), self._limits[name.topic]
        if stored is None:
            return first_checkpoint(oldest, limits)
        if stored.end > end:
            raise CommitError(_beyond(stored.end, end))
        held = stored_checkpoint(stored, oldest, limits)
        if name.topic != Signal.LOGS.topic:
            held = held.since(Opened(oldest, 0), oldest)  # what was open, nobody knows
        _log.warning(
            "the group's commit is lost; continuing from what is stored",
            topic=name.topic,
            partition=name.partition,
            resume=held.resume,
            stored=stored.end,
        )
        return held

    def _first_offset(self, name: TopicPartition) -> int:
        polled = self._unopened[name]
        return self._consumer.position(name) if polled is None else polled

    def _feed(self, name: TopicPartition, records: Iterable[Record]) -> None:
        assignment = self._owned.get(name)
        if assignment is None:
            self._pass_over(name, next(iter(records)))
            return
        if assignment.stopped:
            return
        for window in assignment.feed(records, self._clock.monotonic()):
            self._workers[(Signal.of_topic(name.topic) + name.partition) % len(self._workers)].submit(
                assignment, window
            )
        if missing := assignment.partition.take_missing():
            metrics.MISSING.labels(name.topic).inc(missing)
            _log.error(
                "the log deleted records before they were stored",
                topic=name.topic,
                partition=name.partition,
                records=missing,
            )

    def _pass_over(self, name: TopicPartition, record: Record) -> None:
        """Note what was polled together with the assignment: it is read again once the partition is open."""
        if name in self._unopened and self._unopened[name] is None:
            self._unopened[name] = record.offset

    def _collect(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self.outcomes.get_nowait())

    def _take(self, outcome: Outcome) -> None:
        if outcome.stored:
            self._note(outcome)
            self._bytes_stored += outcome.window.value_bytes
        elif outcome.fault:
            self._stop(outcome.assignment, outcome.fault)

    def _note(self, outcome: Outcome) -> None:
        assignment, left = outcome.assignment, outcome.left
        assignment.stored(outcome.window, left)
        assignment.active = outcome.active or assignment.active
        if left is not None:
            assignment.waiting, assignment.due_at = left.waiting, None
            if left.due_ms is not None:
                wait_ms = max(0, left.due_ms - outcome.window.end_log_ms)
                assignment.due_at = self._clock.monotonic() + wait_ms / 1000

    def _stop(self, assignment: Assignment, fault: str) -> None:
        assignment.stopped = fault
        _log.error("partition stopped", topic=assignment.name.topic, partition=assignment.name.partition, reason=fault)

    def _press_back(self) -> None:
        loads = {
            name: Load(each.pending, each.pending_bytes, each.open_bytes)
            for name, each in self._owned.items()
            if not each.stopped
        }
        wanted = to_pause(loads, _BUDGET_BYTES) | {name for name, each in self._owned.items() if each.stopped}
        wanted |= self._waiting
        for name in wanted - self._paused:
            self._consumer.pause(name)
        for name in self._paused - wanted:
            self._consumer.resume(name)
        self._paused = wanted

    def _commit(self, assignments: Iterable[Assignment]) -> None:
        """Commit what is stored. Failing is no loss: it is tried again, or a new owner finds the blocks."""
        due = {each: held for each in assignments if (held := each.committable()) is not None}
        if not due:
            return
        try:
            self._consumer.commit({each.name: held.position() for each, held in due.items()})
        except LogFenced as error:
            metrics.FENCED.inc()
            _log.warning("commit refused", reason=str(error))
        except LogError as error:
            _log.warning("cannot commit; trying again", reason=str(error))
        else:
            for each, held in due.items():
                each.committed = held

    def _measure(self) -> None:
        held = self._owned.values()
        if self._bytes_stored > _WORTH_GIVING_BACK and not any(each.pending for each in held):
            self._bytes_stored = 0
            give_back()
        metrics.HELD_BYTES.set(sum(each.pending_bytes + each.open_bytes for each in held))
        active: Counter[str] = Counter()
        for each in held:
            active.update(each.active)
        show_active(active)
        metrics.SAMPLING_TRACES.set(sum(each.waiting.traces for each in held))
        metrics.SAMPLING_BYTES.set(sum(each.waiting.bytes for each in held))
        metrics.OWNED.set(len(held))
        metrics.PAUSED.set(len(self._paused))
        metrics.STOPPED.set(sum(1 for each in held if each.stopped))
        oldest = [append_ms for each in held if (append_ms := each.oldest_append_ms) is not None]
        metrics.WINDOW_AGE.set(max(0.0, self._clock.now_ns() / 1e9 - min(oldest) / 1e3) if oldest else 0.0)
        for name, each in self._owned.items():
            lag = self._consumer.end(name) - each.committed.emitted
            metrics.LAG.labels(name.topic, str(name.partition)).set(max(0, lag))


def _beyond(stored: int, end: int) -> str:
    return f"the log ends at {end}, before {stored}, up to which everything was stored"
