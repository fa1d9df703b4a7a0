"""Group commit: the calls that wait go through the steps as one batch, and each is answered on its own.

An idle ingest takes a call at once. Under load a batch costs much more than one more call in it, so calls are collected
while the log takes the batch before; and when it has, its clients are given a moment to come back. When too many
batches are at the log, calls wait here, within what `Budget` allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from ingest import metrics
from ingest.accounts import Accounts
from ingest.answer import Accepted, Refused
from ingest.batch import Batch, Call
from ingest.budget import Budget
from ingest.fair_share import fair_share
from ingest.limits.limiter import Ticket
from ingest.mailbox import Mailbox
from ingest.prepare import Prepare, Prepared
from ingest.settlement import Outcome, Settlement
from ingest.steps.publish import Publish
from otelhouse.clock import Clock
from otelhouse.keys import Tenant
from otelhouse.telemetry import get_logger
from schema.signal import Signal
from schema.wire import count_items

BATCH_BYTES = 8 << 20
"""Bodies joined at most, unless a single one is larger. Columns of hostile ones may take 24 times as much."""
WORTH_BYTES = 2 << 20
"""Bodies that go without waiting for more."""
INLINE_BYTES = 128 << 10
"""Bodies that are prepared on the event loop: they take less time than handing them to a thread."""
BATCHES_AT_LOG = 16
"""Batches of a signal that may be at the log at a time."""
EAGER_BATCHES = 2
"""With fewer at the log than this, and few calls, a call goes at once."""
FEW_CALLS = 2
"""In the batch before: then collecting would cost time and gain nothing."""
COLLECT_SECONDS = 0.01
"""What a call waits at most for others while a batch is at the log."""
RETURN_SECONDS = 0.004
"""What calls wait at most, with nothing at the log, until as many are there as lately were under way at once."""
_SLACK_SECONDS = 0.0002
_LEARNING = 0.125
_MORE_PATIENCE = 1.1
WARN_SECONDS = 1.0
"""A log that is down is said once in this time, not for each batch."""

_log = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    call: Call
    size: int
    working: int
    outcome: asyncio.Future[Outcome]
    ticket: Ticket | None

    @property
    def tenant(self) -> str:
        return self.call.tenant.id


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
        self._queue: list[_Waiting] = []
        self._queued_bytes = 0
        self._at_log = 0
        self._preparing = False
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None
        self._open = self._most_open = 0  # calls that wait or are at the log; their number at most since a batch went
        self._expected = 1
        self._patience = RETURN_SECONDS
        self._since = 0.0  # when the queue's first call came, a batch went, or the log was done with the last
        self._mailbox: Mailbox | None = None
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
            working = self._budget.take_for(tenant.id, size)
        except Refused as refused:
            self._accounts.refused(tenant.id, self._signal, refused.code, size)
            raise
        waiting = _Waiting(Call(tenant, body), size, working, asyncio.get_running_loop().create_future(), ticket)
        if not self._queue:
            self._since = self._clock.monotonic()
        self._queue.append(waiting)
        self._open += 1
        self._most_open = max(self._most_open, self._open)
        self._queued_bytes += size
        if self._timer is None or self._is_time():
            self._ask()
        outcome = await waiting.outcome
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def drain(self) -> None:
        """Return when no call is under way. Nobody may submit meanwhile."""
        while self._at_log or self._preparing or self._queue:
            await asyncio.sleep(0.005)

    def _ask(self) -> None:
        """Look soon whether to go: after the calls that arrive in this turn of the loop."""
        if not self._asked:
            self._asked = True
            asyncio.get_running_loop().call_soon(self._consider)

    def _consider(self) -> None:
        """Go with the next batch, or see to it that it is considered again in time."""
        self._asked = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue or self._preparing or self._at_log >= BATCHES_AT_LOG:
            return
        waited = self._clock.monotonic() - self._since
        wait = (COLLECT_SECONDS if self._at_log else self._patience) - waited
        if self._is_time() or wait <= 0:
            self._learn(waited)
            self._go()
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._consider)

    def _learn(self, waited: float) -> None:
        """Wait for those who come back twice as long as they take: one who does not shall not hold up the others."""
        if self._at_log or self._expected <= FEW_CALLS:
            return
        if len(self._queue) >= self._expected:
            self._patience += (2 * waited + _SLACK_SECONDS - self._patience) * _LEARNING
        else:
            self._patience *= _MORE_PATIENCE
        self._patience = min(self._patience, RETURN_SECONDS)

    def _is_time(self) -> bool:
        """Whether enough calls are there."""
        if self._queued_bytes >= WORTH_BYTES:
            return True
        if not self._at_log:
            return len(self._queue) >= self._expected
        return self._at_log < EAGER_BATCHES and self._expected <= FEW_CALLS

    def _go(self) -> None:
        group, size = self._take()
        calls = [waiting.call for waiting in group]
        if size <= INLINE_BYTES:
            self._prepared(group, self._prepare(calls))
            return
        self._preparing = True
        done = asyncio.get_running_loop().run_in_executor(self._workers, self._prepare, calls)
        done.add_done_callback(lambda done: self._prepared(group, done.result()))

    def _take(self) -> tuple[list[_Waiting], int]:
        if self._queued_bytes <= BATCH_BYTES:
            group, self._queue = self._queue, []
        else:
            group, self._queue = fair_share(self._queue, BATCH_BYTES)
        size = sum(waiting.size for waiting in group)
        self._queued_bytes -= size
        self._expected, self._most_open = self._most_open, self._open
        self._since = self._clock.monotonic()
        self._measures.batch_calls.observe(len(group))
        return group, size

    def _prepared(self, group: Sequence[_Waiting], prepared: Sequence[Prepared]) -> None:
        self._preparing = False
        self._budget.give(sum(waiting.working for waiting in group))
        for rows, batch in prepared:
            self._send(group[rows.start : rows.stop], batch)
        if self._queue:
            self._ask()

    def _send(self, group: Sequence[_Waiting], batch: Batch | Refused) -> None:
        """Publish a batch; its calls are answered as the log takes their parts."""
        if isinstance(batch, Refused):
            for row in range(len(group)):
                self._refuse(group, row, batch)
            self._give_back(group)
            return
        for row, waiting in enumerate(group):
            waiting.call.body = b""  # the records hold it now
            if waiting.ticket is not None:
                waiting.ticket.settle(waiting.size, int(batch.received[row]))
        self._at_log += 1
        settled = partial(self._settled, group, batch, self._clock.monotonic())
        if self._mailbox is None:
            self._mailbox = Mailbox(asyncio.get_running_loop())
        Settlement(batch, self._publish(batch), self._mailbox, partial(self._answer, group), settled)

    def _answer(self, group: Sequence[_Waiting], row: int, outcome: Outcome) -> None:
        self._open -= 1
        waits = group[row].outcome
        if not waits.done():  # a client that went away cancelled it
            waits.set_result(outcome)

    def _settled(self, group: Sequence[_Waiting], batch: Batch, began: float, settlement: Settlement) -> None:
        self._at_log -= 1
        self._give_back(group)
        now = self._clock.monotonic()
        if not self._at_log:  # or calls that collect would start to wait anew with each batch that comes back
            self._since = now
        if self._queue:
            self._ask()
        self._measures.publish_seconds.observe(now - began)
        self._accounts.batch(batch, [waiting.size for waiting in group], settlement.lost)
        if settlement.fault:
            self._measures.failed_batches.inc()
            if now - self._warned >= WARN_SECONDS:
                self._warned = now
                _log.warning("the log did not take all records", error=settlement.fault)

    def _refuse(self, group: Sequence[_Waiting], row: int, refused: Refused) -> None:
        """A step refused the whole batch: no columns are left to count by."""
        waiting = group[row]
        tenant, body = waiting.call.tenant, waiting.call.body
        items = max(0, count_items(self._signal, body))
        if waiting.ticket is not None:
            waiting.ticket.settle(waiting.size, items)
        self._accounts.refused(tenant.id, self._signal, refused.code, waiting.size, items)
        self._answer(group, row, refused)

    def _give_back(self, group: Sequence[_Waiting]) -> None:
        held: dict[str, int] = {}
        for waiting in group:
            tenant = waiting.call.tenant.id
            held[tenant] = held.get(tenant, 0) + waiting.size
        for tenant, size in held.items():
            self._budget.give_for(tenant, size)
