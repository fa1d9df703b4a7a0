"""Replicas share limits through a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from ingest.limits.heartbeat import Heartbeat, Sharing
from ingest.limits.limiter import Limited, Limiter
from otelhouse import postgres
from otelhouse.clock import ManualClock
from otelhouse.config import PostgresSettings
from otelhouse.rules.documents.limits import SignalLimits
from schema.migrations import migrations
from schema.signal import Signal
from tests.support.ingest import NOWHERE

LIMITS = (SignalLimits(items_per_second=1000, burst_seconds=1), None, None)
PLACE = "acme", Signal.TRACES


@pytest.fixture
def pool(postgres_url: str) -> Iterator[postgres.Pool]:
    settings = PostgresSettings(url=SecretStr(postgres_url))
    with postgres.connect(settings) as connection:
        for migration in migrations("postgres"):
            connection.execute(migration.text.encode())
    found = postgres.open_pool(settings)
    yield found
    found.close()


class Replica:
    """A limiter that shares; all tenants have LIMITS."""

    def __init__(self, pool: postgres.Pool, clock: ManualClock) -> None:
        self.limiter = Limiter(lambda _: LIMITS, clock)
        self.heartbeat = Heartbeat(pool)
        self.passed = 0

    def offer(self, calls: int) -> None:
        for _ in range(calls):
            try:
                ticket = self.limiter.enter(*PLACE, 100)
            except Limited:
                continue
            assert ticket is not None
            ticket.settle(100, 10)
            ticket.leave()
            self.passed += 10

    def beat(self) -> float:
        """One heartbeat; returns this replica's share."""
        shares = self.heartbeat.beat(self.limiter.demand())
        self.limiter.share(shares)
        return shares.of(PLACE)


def run(clock: ManualClock, seconds: int, loads: dict[Replica, int]) -> list[float]:
    """Offer each replica so many calls each 100 ms, with a heartbeat each second; the last shares."""
    shares = []
    for _ in range(seconds):
        for _ in range(10):
            clock.advance(0.1)
            for replica, calls in loads.items():
                replica.offer(calls)
        shares = [replica.beat() for replica in loads]
    return shares


def test_all_load_on_one_of_two_gets_nearly_all_within_seconds_and_moves_when_the_load_does(
    pool: postgres.Pool,
) -> None:
    clock = ManualClock()
    one, two = Replica(pool, clock), Replica(pool, clock)
    one.beat(), two.beat()  # each knows of the other only from its second beat on
    assert run(clock, 3, {one: 100, two: 0}) == pytest.approx([8 / 9, 1 / 9])
    one.passed = 0
    run(clock, 10, {one: 100, two: 0})
    assert one.passed == pytest.approx(10 * 1000 * 8 / 9, rel=0.02)
    assert run(clock, 6, {one: 0, two: 100}) == pytest.approx([1 / 9, 8 / 9], rel=0.1)


def test_replicas_together_pass_the_limit_whoever_has_the_load(pool: postgres.Pool) -> None:
    clock = ManualClock()
    replicas = [Replica(pool, clock) for _ in range(3)]
    run(clock, 4, dict(zip(replicas, (60, 30, 1), strict=True)))
    before = sum(replica.passed for replica in replicas)
    shares = run(clock, 20, dict(zip(replicas, (60, 30, 1), strict=True)))
    assert sum(shares) == pytest.approx(1)
    # The one with next to no load does not use up its guaranteed share.
    assert 0.88 * 20_000 <= sum(replica.passed for replica in replicas) - before <= 1.02 * 20_000


def test_alone_it_has_all_and_takes_over_from_who_leaves_or_is_not_heard_of(pool: postgres.Pool) -> None:
    clock = ManualClock()
    one, two = Replica(pool, clock), Replica(pool, clock)
    assert one.beat() == 1
    two.beat()
    assert one.beat() == 0.5
    two.heartbeat.leave()
    assert one.beat() == 1
    two.beat()
    with pool.connection() as connection:
        connection.execute("UPDATE ingest_replicas SET beat_at = beat_at - interval '3 seconds'")
    assert one.beat() == 1


def test_while_postgres_is_down_the_last_known_shares_hold(pool: postgres.Pool) -> None:
    clock = ManualClock()
    one, two = Replica(pool, clock), Replica(pool, clock)
    run(clock, 4, {one: 100, two: 0})
    nowhere = postgres.open_pool(PostgresSettings(url=SecretStr(NOWHERE)))
    one.heartbeat = Heartbeat(nowhere)
    sharing = Sharing(one.limiter, one.heartbeat)

    async def beat() -> None:
        try:
            await sharing.beat()
        finally:
            await sharing.close()

    with pytest.raises(psycopg.Error):
        asyncio.run(beat())
    nowhere.close()
    one.passed = 0
    for _ in range(100):
        clock.advance(0.1)
        one.offer(100)
    assert one.passed == pytest.approx(10 * 1000 * 8 / 9, rel=0.02)
