"""Builds and stores windows, one after another, on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import ClickHouseError
from otelhouse.clock import Clock
from otelhouse.telemetry import get_logger
from processor import metrics
from processor.assignment import Assignment
from processor.build import Builder, Built, Rows, State
from processor.commit import Checkpoint
from processor.dead_letter import DeadLetters
from processor.rules import NotKnown
from processor.sink import Sink, StorageFault
from processor.traces.state import Left
from processor.waiting import Abandoned, Waiter
from processor.window import Window

_log = get_logger(__name__)
_ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """A window that a worker is done with. `fault` says why it stopped the partition; `left` what is open after it,
    `active` its active series by tenant."""

    assignment: Assignment
    window: Window
    stored: bool
    fault: str = ""
    left: Left | None = None
    active: Mapping[str, int] | None = None


class Opener(Protocol):
    """Opens the states of a topic's partitions. Raises NotKnown, ClickHouseError."""

    def open(self, name: TopicPartition, checkpoint: Checkpoint, waiter: Waiter) -> State: ...


class Worker(threading.Thread):
    """Takes the windows of the partitions given to it in order; reports each to `report`, from its own thread.

    Workers share `building`: one makes rows while another waits for ClickHouse, and the memory that making rows
    takes is needed once.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        letters: DeadLetters,
        states: Mapping[str, Opener],
        clock: Clock,
        building: threading.Lock,
        report: Callable[[Outcome], None],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._sink = sink
        self._letters = letters
        self._states = states
        self._clock = clock
        self._building = building
        self._report = report
        self._builder = Builder()
        self._inbox: queue.SimpleQueue[tuple[Assignment, Window] | None] = queue.SimpleQueue()
        # Rows that the builder will not hand out again; they stay here until they are stored.
        self._unwritten: list[Rows] = []

    def submit(self, assignment: Assignment, window: Window) -> None:
        """Have a window stored, after those submitted before."""
        self._inbox.put((assignment, window))

    def finish(self) -> None:
        """End the thread after what was submitted."""
        self._inbox.put(None)

    def run(self) -> None:
        while (task := self._inbox.get()) is not None:
            self._report(self._outcome(*task))
        self._sink.close()

    def _outcome(self, assignment: Assignment, window: Window) -> Outcome:
        if assignment.stopped or assignment.abandoned:
            return Outcome(assignment, window, stored=False)
        try:
            built = self._store(assignment, window)
        except Abandoned:
            return Outcome(assignment, window, stored=False)
        except StorageFault as fault:
            return self._give_up(assignment, window, str(fault))
        except Exception as error:  # noqa: BLE001 - a fault of ours stops its partition alone, and is never passed over
            _log.exception("cannot process a window", topic=window.name.topic, partition=window.name.partition)
            return self._give_up(assignment, window, f"{type(error).__name__}: {error}")
        if built is None:
            return Outcome(assignment, window, stored=True)
        return Outcome(assignment, window, stored=True, left=built.left, active=built.active)

    def _give_up(self, assignment: Assignment, window: Window, fault: str) -> Outcome:
        # What was handed out may be stored nowhere, or be what cannot be stored: other partitions must not suffer.
        self._builder, self._unwritten = Builder(), []
        # Set here, too, so that windows that wait behind this one are not stored.
        assignment.stopped = f"offsets [{window.start}, {window.end}): {fault}"
        return Outcome(assignment, window, stored=False, fault=assignment.stopped)

    def _store(self, assignment: Assignment, window: Window) -> Built | None:
        """Raises Abandoned, StorageFault. None of a window that only brings back what was open."""
        topic = window.name.topic
        state = self._state(assignment, window)
        if not window.fresh:
            if state is not None:
                with self._building:
                    self._builder.bring_back(window, state)
            return None
        with self._building:
            started = self._clock.monotonic()
            built = self._builder.build(window, state)
            metrics.BUILD_SECONDS.labels(topic).observe(self._clock.monotonic() - started)
        self._unwritten += built.shared
        self._letters.bury(built.faults, assignment)
        while self._unwritten:
            self._sink.store_shared(self._unwritten[0], assignment)
            self._unwritten.pop(0)
        for block in built.blocks:
            self._sink.store(block, window.end <= assignment.end, assignment)
        metrics.WINDOWS.labels(topic).inc()
        if window.entries:
            first = window.entries[0].record.append_ms
            metrics.STORED_SECONDS.labels(topic).observe(max(0.0, self._clock.now_ns() / 1e9 - first / 1e3))
        return built

    def _state(self, assignment: Assignment, window: Window) -> State | None:
        """The partition's state, which has learnt what the window's control records say. Raises Abandoned."""
        opener, said = self._states.get(window.name.topic), ""
        if opener is None:
            return None
        while not assignment.pause(_ASK_AGAIN_SECONDS if said else 0.0):
            try:
                if assignment.state is None:
                    assignment.state = opener.open(assignment.name, assignment.origin, assignment)
                assignment.state.learn(window)
                return assignment.state
            except (NotKnown, ClickHouseError) as error:
                if said != (said := " ".join(str(error).split())[:500] or "no answer"):
                    _log.warning(
                        "cannot look up the state of a partition; trying again",
                        topic=assignment.name.topic,
                        partition=assignment.name.partition,
                        reason=said,
                    )
        raise Abandoned
