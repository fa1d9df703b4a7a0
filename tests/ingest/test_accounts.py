"""Accounts: received = published + rejected + limited + dropped + failed, whatever comes in and whatever breaks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from ingest import accounts as accounts_module
from ingest import metrics as metrics_module
from ingest.accounts import Accounts, Counts
from ingest.answer import Code, Refused, unavailable
from ingest.batch import Batch
from ingest.budget import Budget
from ingest.group_commit import GroupCommit
from ingest.limits.limiter import Limited, Limiter, Limits
from ingest.prepare import Prepare
from ingest.steps.admit import Admit
from ingest.steps.publish import Publish
from ingest.steps.scan import scan
from ingest.steps.split import Split
from ingest.steps.validate import validate
from otelhouse.accounts import Account, Count, Outcome
from otelhouse.bus.contract import LogError, LogUnavailable, Outgoing
from otelhouse.clock import ManualClock, SystemClock
from otelhouse.keys import Tenant
from otelhouse.rules.documents.limits import SignalLimits
from schema.record import parse_headers
from schema.signal import Signal
from tests.ingest.requests import gauge, metrics, span, trace_id, traces

TENANTS = [Tenant("acme"), Tenant("bolt"), Tenant("crow")]
LIMITS: dict[str, Limits] = {"bolt": (SignalLimits(items_per_second=5, burst_seconds=10),) * 3}


class RandomLog:
    """Takes records or not, by dice, in a thread of its own; counts what it took."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._thread = ThreadPoolExecutor(1)
        self.taken: Counter[str] = Counter()

    def partitions(self, _: object) -> int:
        return 4

    def publish(self, records: Sequence[Outgoing]) -> Future[list[int | LogError]]:
        fates = [self._dice.random() < 0.8 for _ in records]
        for record, taken in zip(records, fates, strict=True):
            if taken:
                framing = parse_headers(record.headers)
                self.taken[framing.tenant] += framing.items  # type: ignore[union-attr]
        return self._thread.submit(lambda: [0 if taken else LogUnavailable("gone") for taken in fates])

    def close(self, timeout: float = 10.0) -> None:
        """Nothing to release."""


class House:
    """Admission and group commit of one signal, with steps that drop, refuse and fail."""

    def __init__(self, signal: Signal, seed: int, budget: int = 1 << 30) -> None:
        self.signal = signal
        self.dice = random.Random(seed)
        self.log = RandomLog(self.dice)
        self.clock = ManualClock()
        self.accounts = Accounts(self.clock)
        self.limiter = Limiter(lambda tenant: LIMITS.get(tenant, (None, None, None)), self.clock)
        self.admit = Admit(self.limiter, self.accounts)
        prepare = Prepare(signal, scan, (validate, self._drop, self._break, Split(self.log)), self.clock)  # type: ignore[arg-type]
        publish = Publish(self.log)
        self.commit = GroupCommit(
            signal, prepare, publish, Budget(budget), ThreadPoolExecutor(1), SystemClock(), self.accounts
        )

    async def call(self, tenant: Tenant, body: bytes) -> Code:
        try:
            ticket = self.admit(tenant, self.signal, len(body))
        except Limited as limited:

            async def read() -> bytes:
                return body

            await self.admit.limited(tenant, self.signal, limited, len(body), read)
            return limited.code
        try:
            await self.commit.submit(tenant, body, ticket)
        except Refused as refused:
            return refused.code
        finally:
            if ticket is not None:
                ticket.leave()
        return Code.OK

    def _drop(self, batch: Batch) -> None:
        rows = np.flatnonzero(batch.keep)
        batch.drop(rows[rows % 7 == 3], "control:seventh")
        if self.dice.random() < 0.2:
            batch.refuse(self.dice.choice(list(batch.tenants)), unavailable("not known"))

    def _break(self, batch: Batch) -> None:
        if self.dice.random() < 0.1:
            raise unavailable("closed")
        if self.dice.random() < 0.1:
            raise ZeroDivisionError


def items_of(counts: Counts, outcome: Outcome, tenant: str = "") -> int:
    return sum(count.items for account, count in counts.items() if outcome is account.outcome and tenant in account[0])


def balance(counts: Counts) -> Counter[tuple[str, Signal, int]]:
    left: Counter[tuple[str, Signal, int]] = Counter()
    for account, count in counts.items():
        left[account[:3]] += count.items if account.outcome is Outcome.RECEIVED else -count.items
    return left


def a_body(signal: Signal, dice: random.Random) -> tuple[bytes, int]:
    """A request and the items in it: some have no valid id, some do not fit, some are no OTLP (then 0)."""
    size = dice.randrange(1, 6)
    if signal is Signal.TRACES:
        ids = [dice.choice((trace_id(dice.randrange(1, 99)), b"short")) for _ in range(size)]
        body = traces(*(span("x", each) for each in ids)).SerializeToString()
        items = size
    else:
        found = [gauge("g", *map(float, range(dice.randrange(1, 4)))) for _ in range(size)]
        if dice.random() < 0.1:
            found[0].description = "x" * 1_000_000
        body = metrics(*found).SerializeToString()
        items = sum(len(each.gauge.data_points) for each in found)
    return (body, items) if dice.random() < 0.8 else (body[:-2], 0)


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS])
@pytest.mark.parametrize("seed", range(5))
def test_the_equation_holds_for_every_tenant_and_minute(
    signal: Signal, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        house = House(signal, seed, budget=6 << 20)
        dice = random.Random(seed)
        sent, sizes, calls, known = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for _ in range(20):
            group = []
            for _ in range(dice.randrange(1, 10)):
                tenant = dice.choice(TENANTS)
                body, items = a_body(signal, dice)
                calls[tenant.id] += 1
                sizes[tenant.id] += len(body)
                sent[tenant.id] += items
                group.append(asyncio.create_task(house.call(tenant, body)))
            for code in await asyncio.gather(*group):
                known[code.name] += 1
            house.clock.advance(11)
        await house.commit.drain()
        counts = house.accounts.take()
        assert set(balance(counts).values()) == {0}
        for tenant in TENANTS:
            received = [count for account, count in counts.items() if account[::3] == (tenant.id, Outcome.RECEIVED)]
            assert sum(count.calls for count in received) == calls[tenant.id]
            assert sum(count.bytes for count in received) == sizes[tenant.id]
            assert items_of(counts, Outcome.PUBLISHED, tenant.id) == house.log.taken[tenant.id]
            # Of a call that is refused while too much is in flight nobody has read the body.
            if not any(account.cause == "unavailable" and not count.items for account, count in counts.items()):
                assert items_of(counts, Outcome.RECEIVED, tenant.id) == sent[tenant.id]
        outcomes = {account.outcome for account in counts}
        assert {Outcome.PUBLISHED, Outcome.FAILED, Outcome.DROPPED, Outcome.REJECTED} <= outcomes
        assert "OK" in known

    asyncio.run(scenario())


def test_a_limited_call_is_counted_by_its_items() -> None:
    async def scenario() -> None:
        house = House(Signal.METRICS, seed=2)
        body = metrics(gauge("g", *map(float, range(60)))).SerializeToString()
        house.dice = random.Random(5)
        while items_of(house.accounts.take(), Outcome.PUBLISHED) == 0:
            await house.call(TENANTS[1], body)
            house.clock.advance(20)
        await house.call(TENANTS[1], body)
        house.accounts.take()
        assert await house.call(TENANTS[1], body) is Code.LIMITED
        minute = house.clock.now_ns() // 60_000_000_000
        both = Count(60, 1, len(body))
        assert house.accounts.take() == {
            Account("bolt", Signal.METRICS, minute, Outcome.RECEIVED, ""): both,
            Account("bolt", Signal.METRICS, minute, Outcome.LIMITED, "items_per_second"): both,
        }

    asyncio.run(scenario())


def test_metrics_say_the_same_as_the_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = Accounts(ManualClock())
    accounts.limited("metrics-tenant", Signal.LOGS, "bytes_per_second", 100, 7)
    accounts.refused("metrics-tenant", Signal.LOGS, Code.UNAVAILABLE, 50)
    labels = {"tenant": "metrics-tenant", "signal": "logs", "outcome": "received", "cause": ""}
    sample = metrics_module.account_items.labels(**labels)._value.get
    assert sample() == 7
    assert metrics_module.account_calls.labels(**labels)._value.get() == 2
    assert metrics_module.account_bytes.labels(**labels)._value.get() == 150


def test_tenants_beyond_the_cap_share_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "MAX_TENANTS", 2)
    series = metrics_module.AccountSeries()
    for tenant in ("cap-a", "cap-b", "cap-c", "cap-d", "cap-a"):
        series.count(tenant, Signal.LOGS, Outcome.RECEIVED, "", Count(1))
    found = {
        labels[0]: child._value.get()
        for labels, child in metrics_module.account_items._metrics.items()
        if labels[0].startswith("cap-") or labels[0] == "other"
    }
    assert found == {"cap-a": 2, "cap-b": 1, "other": 2}


def test_counts_that_wait_for_long_are_joined_to_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "MAX_PENDING", 10)
    clock = ManualClock()
    accounts = Accounts(clock)
    for _ in range(600):
        accounts.refused("acme", Signal.LOGS, Code.INVALID, 10)
        clock.advance(60)
    counts = accounts.take()
    assert len(counts) <= 10 + 2 * 11
    assert sum(count.calls for account, count in counts.items() if account.outcome is Outcome.RECEIVED) == 600
