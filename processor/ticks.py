"""Ticks: records that move log time on where nothing else would, so that open windows end."""

from __future__ import annotations

from collections.abc import Iterable

from otelhouse.bus.contract import Consumer, Outgoing, Producer
from otelhouse.clock import Clock
from processor import metrics
from processor.assignment import Assignment
from schema.record import Control, control_headers

_HEADERS = control_headers(Control.TICK)
_AGAIN_SECONDS = 0.25


class Ticker:
    """Appends a tick to a partition read to its end whose window has been open for its span of our own time.

    A tick only proposes: what ends the window is the append time that the log gives it. One that is lost, early by
    the log's clock, or appended twice does no harm: another follows.
    """

    def __init__(self, producer: Producer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock

    def tick(self, assignments: Iterable[Assignment], consumer: Consumer) -> None:
        """Append the ticks due now; does not wait for them. Raises LogUnavailable."""
        now = self._clock.monotonic()
        due = [each for each in assignments if self._is_due(each, now) and _is_read(each, consumer)]
        if not due:
            return
        for each in due:
            each.ticked_at = now
        self._producer.publish([Outgoing(*each.name, b"", _HEADERS) for each in due])
        metrics.TICKS.inc(len(due))

    @staticmethod
    def _is_due(assignment: Assignment, now: float) -> bool:
        window = assignment.partition.open_window
        if window is None or assignment.open_since is None or assignment.stopped:
            return False
        if now < assignment.open_since + window.limits.span_ms / 1000:
            return False
        return assignment.ticked_at is None or now >= assignment.ticked_at + _AGAIN_SECONDS


def _is_read(assignment: Assignment, consumer: Consumer) -> bool:
    return assignment.partition.next_offset >= consumer.end(assignment.name)
