"""Telling each call of a batch what became of it, as the log takes the batch's parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from ingest.answer import Accepted, Refused
from ingest.batch import Batch, Part
from ingest.mailbox import Mailbox
from ingest.steps.publish import Delivery
from otelhouse.bus.contract import LogError

Outcome = Accepted | Refused
Answer = Callable[[int, Outcome], None]
"""Given the row of a call in its batch, and its outcome."""


class Settlement:
    """Lives on the event loop of its mailbox. Plain counters and callbacks, because every call passes through here.

    `lost`: parts that the log did not take so far; `fault`: why, "" if it took all.
    """

    def __init__(
        self,
        batch: Batch,
        deliveries: Sequence[Delivery],
        mailbox: Mailbox,
        answer: Answer,
        settled: Callable[[Settlement], None],
    ) -> None:
        """`answer` is called once for each call, `settled` once all deliveries are answered; both maybe at once."""
        self.lost: list[Part] = []
        self.fault = ""
        self._batch = batch
        self._answer = answer
        self._settled = settled
        self._open = len(deliveries)
        self._waits_for = [0] * len(batch.tenants)
        self._lost: set[int] = set()
        touched = [_calls(delivery) for delivery in deliveries]
        for calls in touched:
            for call in calls:
                self._waits_for[call] += 1
        for call, waits_for in enumerate(self._waits_for):
            if not waits_for:
                answer(call, batch.outcome(call, lost=False))
        for delivery, calls in zip(deliveries, touched, strict=True):
            # Not the delivery itself: its future keeps this callback, and a cycle would hold the batch for long.
            told = partial(self._delivered, delivery.parts, calls)
            delivery.answer.add_done_callback(partial(_tell, mailbox, told))
        if not deliveries:
            settled(self)

    def _delivered(self, parts: Sequence[Part], calls: Sequence[int], results: Sequence[int | LogError]) -> None:
        for part, result in zip(parts, results, strict=True):
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


def _calls(delivery: Delivery) -> Sequence[int]:
    """Calls with bytes in it, each once."""
    if len(delivery.parts) == 1:
        one: list[int] = delivery.parts[0].calls.tolist()
        return one
    return list(set().union(*(part.calls.tolist() for part in delivery.parts)))


def _tell(
    mailbox: Mailbox, told: Callable[[Sequence[int | LogError]], None], answer: Future[list[int | LogError]]
) -> None:
    """Runs in a thread of the log's."""
    mailbox.post(partial(told, answer.result()))
