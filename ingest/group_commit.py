"""Group commit: the calls that wait go through the steps as one batch, and each is answered on its own.

An idle ingest takes a call at once. While a batch is being prepared the next one collects, so batches grow with the
load and no timer is needed. When too many batches wait for the log, calls wait here, within what `Budget` allows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ingest import metrics
from ingest.answer import Accepted, Code, Refused
from ingest.batch import Batch, Call
from ingest.budget import Budget
from ingest.steps.publish import Delivery, Publish
from otelhouse.bus.contract import LogError
from otelhouse.clock import Clock
from otelhouse.keys import Tenant
from otelhouse.telemetry import get_logger
from schema.signal import Signal

BATCH_BYTES = 32 << 20
"""Bodies joined at most, unless a single one is larger."""
BATCHES_AT_LOG = 16
"""Batches of a signal that wait for the log at a time."""

Outcome = Accepted | Refused
Scanner = Callable[[Signal, Sequence[Call]], Batch]
Step = Callable[[Batch], None]

_log = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    call: Call
    size: int
    outcome: asyncio.Future[Outcome]

    def answer(self, outcome: Outcome) -> None:
        if not self.outcome.done():  # a client that went away cancelled it
            self.outcome.set_result(outcome)


class GroupCommit:
    """The steps of one signal. Lives on one event loop; the steps before `publish` run in `workers`."""

    def __init__(
        self,
        signal: Signal,
        scan: Scanner,
        steps: Sequence[Step],
        publish: Publish,
        budget: Budget,
        workers: Executor,
        clock: Clock,
    ) -> None:
        self._signal = signal
        self._scan = scan
        self._steps = steps
        self._publish = publish
        self._budget = budget
        self._workers = workers
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._slots = asyncio.Semaphore(BATCHES_AT_LOG)
        self._collector: asyncio.Task[None] | None = None
        self._at_log: set[asyncio.Task[None]] = set()
        self._label = signal.name.lower()

    async def submit(self, tenant: Tenant, body: bytes) -> Accepted:
        """Return when the log has the call's items. Raises Refused. A caller that gives up takes nothing back."""
        if not body:
            return Accepted()  # an empty request is a valid one
        self._budget.take(len(body))
        waiting = _Waiting(Call(tenant, body), len(body), asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        metrics.received_bytes.labels(self._label).inc(len(body))
        if self._collector is None or self._collector.done():
            self._collector = asyncio.create_task(self._collect())
        outcome = await waiting.outcome
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def drain(self) -> None:
        """Return when no call is under way."""
        while self._queue or self._at_log or (self._collector is not None and not self._collector.done()):
            tasks = [*self._at_log, *([self._collector] if self._collector else [])]
            await asyncio.wait(tasks)

    async def _collect(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            await self._slots.acquire()
            group = self._take()
            try:
                batches = await loop.run_in_executor(self._workers, self._prepare, [w.call for w in group])
            finally:
                for waiting in group:
                    waiting.call.body = b""
            task = asyncio.create_task(self._settle(group, batches))
            self._at_log.add(task)
            task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._at_log.discard(task)
        self._slots.release()

    def _take(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        size = group[0].size
        while self._queue and size + self._queue[0].size <= BATCH_BYTES:
            group.append(self._queue.popleft())
            size += group[-1].size
        metrics.batch_calls.labels(self._label).observe(len(group))
        return group

    def _prepare(self, calls: Sequence[Call]) -> list[Batch | Refused]:
        """Steps of all calls together -> a batch; if that fails, of each call by itself. Runs in a worker thread."""
        began = self._clock.monotonic()
        try:
            batch = self._scan(self._signal, calls)
            for step in self._steps:
                step(batch)
        except Refused as refused:
            return [refused]
        except Exception:  # noqa: BLE001 - a fault of ours, on one call's data, shall not take the others along
            if len(calls) > 1:
                return [part for call in calls for part in self._prepare([call])]
            _log.exception("a call could not be prepared", signal=self._label, bytes=len(calls[0].body))
            return [Refused(Code.INTERNAL, "the request could not be processed")]
        metrics.prepare_seconds.labels(self._label).observe(self._clock.monotonic() - began)
        return [batch]

    async def _settle(self, group: Sequence[_Waiting], batches: Sequence[Batch | Refused]) -> None:
        try:
            each = [group] if len(batches) == 1 else [[waiting] for waiting in group]
            await asyncio.gather(*(self._settle_batch(*pair) for pair in zip(each, batches, strict=True)))
        except Exception:  # noqa: BLE001 - whatever it is, the calls are told
            _log.exception("a batch could not be published", signal=self._label)
            for waiting in group:
                waiting.answer(Refused(Code.INTERNAL, "the request could not be processed"))
        finally:
            self._budget.give(sum(waiting.size for waiting in group))

    async def _settle_batch(self, group: Sequence[_Waiting], batch: Batch | Refused) -> None:
        if isinstance(batch, Refused):
            for waiting in group:
                waiting.answer(batch)
            return
        began = self._clock.monotonic()
        await _Answers(group, batch, self._publish(batch)).all()
        metrics.publish_seconds.labels(self._label).observe(self._clock.monotonic() - began)
        self._count(batch)

    def _count(self, batch: Batch) -> None:
        metrics.accepted_items.labels(self._label).inc(batch.kept_items())
        for reason, counts in batch.rejected.items():
            metrics.rejected_items.labels(self._label, reason.value).inc(int(counts.sum()))


class _Answers:
    """Answers the calls of one batch as the log takes its deliveries."""

    def __init__(self, group: Sequence[_Waiting], batch: Batch, deliveries: Sequence[Delivery]) -> None:
        self._group = group
        self._batch = batch
        self._deliveries = deliveries
        self._calls = [np.unique(np.concatenate([part.calls for part in each.parts])) for each in deliveries]
        self._left = np.zeros(len(group), np.int64)
        self._lost = np.zeros(len(group), np.bool_)
        for calls in self._calls:
            self._left[calls] += 1

    async def all(self) -> None:
        """Answer all calls; those without bytes at the log at once."""
        self._answer(np.flatnonzero(self._left == 0))
        await asyncio.gather(*map(self._one, self._deliveries, self._calls))

    async def _one(self, delivery: Delivery, calls: np.ndarray[tuple[int], np.dtype[np.int32]]) -> None:
        results = await asyncio.wrap_future(delivery.answer)
        for part, result in zip(delivery.parts, results, strict=True):
            if isinstance(result, LogError):
                self._lost[part.calls] = True
                metrics.lost_records.labels(self._batch.signal.name.lower()).inc()
                _log.warning("the log did not take a record", partition=part.record.partition, error=str(result))
        self._left[calls] -= 1
        self._answer(calls[self._left[calls] == 0])

    def _answer(self, calls: np.ndarray[tuple[int], np.dtype[np.integer]]) -> None:
        for call in calls.tolist():
            self._group[call].answer(self._batch.outcome(call, bool(self._lost[call])))
