"""Telling each call of a batch what became of it, as the log takes the batch's parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from ingest.answer import Accepted, Refused
from ingest.batch import Batch, Part
from ingest.steps.publish import Delivery
from otelhouse.bus.contract import LogError

Outcome = Accepted | Refused
Answer = Callable[[int, Outcome], None]
"""Given the row of a call in its batch, and its outcome."""


class Settlement:
    """Lives on the event loop that made it. Plain counters and callbacks, because every call passes through here.

    `lost`: parts that the log did not take so far; `fault`: why, "" if it took all.
    """

    def __init__(
        self, batch: Batch, deliveries: Sequence[Delivery], answer: Answer, settled: Callable[[Settlement], None]
    ) -> None:
        """`answer` is called once for each call, `settled` once all deliveries are answered; both maybe at once."""
        self.lost: list[Part] = []
        self.fault = ""
        self._batch = batch
        self._answer = answer
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._open = len(deliveries)
        self._waits_for = [0] * len(batch.tenants)
        self._lost: set[int] = set()
        touched = [set().union(*(part.calls.tolist() for part in delivery.parts)) for delivery in deliveries]
        for calls in touched:
            for call in calls:
                self._waits_for[call] += 1
        for call, waits_for in enumerate(self._waits_for):
            if not waits_for:
                answer(call, batch.outcome(call, lost=False))
        for delivery, calls in zip(deliveries, touched, strict=True):
            delivery.answer.add_done_callback(partial(self._on_loop, delivery, calls))
        if not deliveries:
            settled(self)

    def _on_loop(self, delivery: Delivery, calls: set[int], future: Future[list[int | LogError]]) -> None:
        """Runs in a thread of the log's."""
        with suppress(RuntimeError):  # the loop is closed: the drain took too long, and nobody waits any more
            self._loop.call_soon_threadsafe(self._delivered, delivery, calls, future.result())

    def _delivered(self, delivery: Delivery, calls: set[int], results: list[int | LogError]) -> None:
        for part, result in zip(delivery.parts, results, strict=True):
            if isinstance(result, LogError):
                self._lost.update(part.calls.tolist())
                self.lost.append(part)
                self.fault = str(result)
        for call in calls:
            self._waits_for[call] -= 1
            if not self._waits_for[call]:
                self._answer(call, self._batch.outcome(call, call in self._lost))
        self._open -= 1
        if not self._open:
            self._settled(self)
