"""Ticks: records that move log time on where nothing else would, so that open windows end and traces are decided."""

from __future__ import annotations

import math
from collections.abc import Iterable

from otelhouse.bus.contract import Consumer, Outgoing, Producer
from otelhouse.clock import Clock
from processor import metrics
from processor.assignment import Assignment
from schema.record import Control, control_headers

_HEADERS = control_headers(Control.TICK)
_AGAIN_SECONDS = 0.25


class Ticker:
    """Appends a tick to a partition read to its end whose window has been open for its span of our own time, or where
    something is due.

    A tick only proposes: what ends the window is the append time that the log gives it. One that is lost, early by
    the log's clock, or appended twice does no harm: another follows.
    """

    def __init__(self, producer: Producer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    def tick(self, assignments: Iterable[Assignment], consumer: Consumer) -> None:
        """Append the ticks due now; does not wait for them. Raises LogUnavailable."""
        now = self._clock.monotonic()
        past = [each for each in assignments if (at := _due_at(each)) is not None and at <= now]
        due = [each for each in past if _is_read(each, consumer)]
        if not due:
            return
        for each in due:
            each.ticked_at = now
        self._producer.publish([Outgoing(*each.name, b"", _HEADERS) for each in due])
        metrics.TICKS.inc(len(due))

    def due_in(self, assignments: Iterable[Assignment]) -> float:
        """Seconds until the next tick may be due; infinite if nothing waits for one."""
        now = self._clock.monotonic()
        return min((max(0.0, at - now) for each in assignments if (at := _due_at(each)) is not None), default=math.inf)


def _due_at(assignment: Assignment) -> float | None:
    """When, by our own time, a partition is due for a tick; None if nothing waits for one."""
    window, since, due = assignment.partition.open_window, assignment.open_since, assignment.due_at
    if assignment.stopped:
        return None
    waits = [due] if due is not None else []
    if window is not None and since is not None:
        waits.append(since + window.limits.span_ms / 1000)
    if not waits:
        return None
    return max(min(waits), assignment.ticked_at + _AGAIN_SECONDS if assignment.ticked_at is not None else 0.0)


def _is_read(assignment: Assignment, consumer: Consumer) -> bool:
    return assignment.partition.next_offset >= consumer.end(assignment.name)
