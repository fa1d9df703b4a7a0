"""Group commit: the calls that wait go through the steps as one batch, and each is answered on its own.

An idle ingest takes a call at once. While a batch is being prepared the next one collects, and once some batches are
at the log it is worth collecting a little longer: so batches grow with the load. When too many batches are at the log,
calls wait here, within what `Budget` allows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ingest import metrics
from ingest.accounts import Accounts
from ingest.answer import Accepted, Refused
from ingest.batch import Batch, Call
from ingest.budget import Budget
from ingest.limits.limiter import Ticket
from ingest.prepare import Prepare
from ingest.settlement import Outcome, Settlement
from ingest.steps.publish import Publish
from otelhouse.clock import Clock
from otelhouse.keys import Tenant
from otelhouse.telemetry import get_logger
from schema.signal import Signal
from schema.wire import count_items

BATCH_BYTES = 32 << 20
"""Bodies joined at most, unless a single one is larger."""
BATCHES_AT_LOG = 16
"""Batches of a signal that may be at the log at a time."""
EAGER_BATCHES = 2
"""With fewer at the log than this, a call goes at once."""
WORTH_BYTES = 1 << 20
"""Bodies that go without waiting for more."""
COLLECT_SECONDS = 0.01
"""What a call waits at most for others, so that a partition in trouble does not hold up the rest."""
WARN_SECONDS = 1.0
"""A log that is down is said once in this time, not for each batch."""

_log = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    call: Call
    size: int
    outcome: asyncio.Future[Outcome]
    ticket: Ticket | None

    def answer(self, outcome: Outcome) -> None:
        if not self.outcome.done():  # a client that went away cancelled it
            self.outcome.set_result(outcome)


class GroupCommit:
    """The calls of one signal. Lives on one event loop; `prepare` runs in `workers`, one batch at a time."""

    def __init__(
        self,
        signal: Signal,
        prepare: Prepare,
        publish: Publish,
        budget: Budget,
        workers: Executor,
        clock: Clock,
        accounts: Accounts,
    ) -> None:
        self._signal = signal
        self._accounts = accounts
        self._prepare = prepare
        self._publish = publish
        self._budget = budget
        self._workers = workers
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._at_log = 0
        self._changed = asyncio.Event()
        self._collector: asyncio.Task[None] | None = None
        self._warned = float("-inf")
        self._measures = metrics.SignalMeasures(signal)

    async def submit(self, tenant: Tenant, body: bytes, ticket: Ticket | None = None) -> Accepted:
        """Return when the log has the call's items. Raises Refused. A caller that gives up takes nothing back.

        What becomes of the items is counted, and the ticket is charged with them; who has it must leave with it.
        """
        if not body:
            return Accepted()  # an empty request is a valid one
        size = len(body)
        try:
            self._budget.take(size)
        except Refused as refused:
            self._accounts.refused(tenant.id, self._signal, refused.code, size)
            raise
        waiting = _Waiting(Call(tenant, body), size, asyncio.get_running_loop().create_future(), ticket)
        self._queue.append(waiting)
        self._queued_bytes += size
        if self._collector is None or self._collector.done():
            self._collector = asyncio.create_task(self._collect())
        elif self._queued_bytes >= WORTH_BYTES:
            self._changed.set()
        outcome = await waiting.outcome
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def drain(self) -> None:
        """Return when no call is under way. Nobody may submit meanwhile."""
        while self._at_log or (self._collector is not None and not self._collector.done()):
            await asyncio.sleep(0.005)

    async def _collect(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            await self._turn()
            group = self._take()
            prepared = await loop.run_in_executor(self._workers, self._prepare, [waiting.call for waiting in group])
            for rows, batch in prepared:
                self._send(group[rows.start : rows.stop], batch)

    async def _turn(self) -> None:
        """Wait until the next batch is worth its while and has a place at the log."""
        if self._at_log < EAGER_BATCHES:
            return
        until = self._clock.monotonic() + COLLECT_SECONDS
        while self._at_log >= EAGER_BATCHES:
            full = self._at_log >= BATCHES_AT_LOG
            left = until - self._clock.monotonic()
            if not full and (self._queued_bytes >= WORTH_BYTES or left <= 0):
                return
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if full else left)

    def _take(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        size = group[0].size
        while self._queue and size + self._queue[0].size <= BATCH_BYTES:
            group.append(self._queue.popleft())
            size += group[-1].size
        self._queued_bytes -= size
        self._measures.batch_calls.observe(len(group))
        return group

    def _send(self, group: Sequence[_Waiting], batch: Batch | Refused) -> None:
        """Publish a batch; its calls are answered as the log takes their parts."""
        if isinstance(batch, Refused):
            for waiting in group:
                self._refuse(waiting, batch)
            self._give_back(group)
            return
        for row, waiting in enumerate(group):
            waiting.call.body = b""  # the records hold it now
            if waiting.ticket is not None:
                waiting.ticket.settle(waiting.size, int(batch.received[row]))
        self._at_log += 1
        settled = partial(self._settled, group, batch, self._clock.monotonic())
        Settlement(batch, self._publish(batch), lambda call, outcome: group[call].answer(outcome), settled)

    def _settled(self, group: Sequence[_Waiting], batch: Batch, began: float, settlement: Settlement) -> None:
        self._at_log -= 1
        self._changed.set()
        self._give_back(group)
        now = self._clock.monotonic()
        self._measures.publish_seconds.observe(now - began)
        self._accounts.batch(batch, [waiting.size for waiting in group], settlement.lost)
        if settlement.fault:
            self._measures.failed_batches.inc()
            if now - self._warned >= WARN_SECONDS:
                self._warned = now
                _log.warning("the log did not take all records", error=settlement.fault)

    def _refuse(self, waiting: _Waiting, refused: Refused) -> None:
        """A step refused the whole batch: no columns are left to count by."""
        tenant, body = waiting.call.tenant, waiting.call.body
        items = max(0, count_items(self._signal, body))
        if waiting.ticket is not None:
            waiting.ticket.settle(waiting.size, items)
        self._accounts.refused(tenant.id, self._signal, refused.code, waiting.size, items)
        waiting.answer(refused)

    def _give_back(self, group: Sequence[_Waiting]) -> None:
        self._budget.give(sum(waiting.size for waiting in group))
