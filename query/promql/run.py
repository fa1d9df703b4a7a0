"""Runs expressions within limits, until the client leaves or the time is out; what is slow is logged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import structlog

from otelhouse.clock import Clock
from otelhouse.config import PromQLSettings
from otelhouse.promql.engine import Result, evaluate
from otelhouse.promql.errors import ExecutionError, PromQLError
from otelhouse.promql.settings import Settings, Steps
from otelhouse.recording.cover import covered
from otelhouse.rules.rule import Rules
from query.database import Database
from query.errors import QueryError
from query.metrics import RECORDED_STEPS
from query.promql.budget import Budget, TimedOut
from query.promql.known import KnownSeries
from query.promql.recorded import Recordings
from query.promql.shadow import EQUAL, difference, note
from query.promql.storage import TenantSamples

_LONGEST_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """A result, and what it took. Seconds: waiting for its turn, and from then on."""

    result: Result
    series: int
    samples: int
    queued_seconds: float
    seconds: float


class Expressions:
    """Those of all tenants; each has so many places."""

    def __init__(self, database: Database, clock: Clock, settings: PromQLSettings, rules: Rules | None = None) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._known = KnownSeries()
        self._recordings = Recordings(database, rules, clock)
        self._turns: dict[str, _Turns] = {}
        self._dice = random.Random()
        self._comparing: set[asyncio.Future[None]] = set()
        self._largest_error = 0.0

    @property
    def recordings(self) -> Recordings:
        return self._recordings

    @property
    def settings(self) -> PromQLSettings:
        return self._settings

    async def run(
        self,
        tenant: str,
        text: str,
        at: Steps,
        seconds: float | None = None,
        lookback_ms: int | None = None,
        use_recorded: bool = True,
    ) -> Run:
        """The value of an expression. `seconds` may only shorten what is allowed. `use_recorded`: whether what a
        recording rule covers is read as recorded.

        Raises PromQLError, ExecutionError and QueryError. If the caller is cancelled, so is the query.
        """
        began, limits = self._clock.monotonic(), self._settings
        deadline = began + min(seconds if seconds is not None else limits.timeout_seconds, limits.timeout_seconds)
        budget = Budget(self._clock, deadline, limits.max_series, limits.max_samples)
        async with self._turn(tenant, deadline):
            queued = self._clock.monotonic() - began
            outcome = "failed"
            try:
                result = await self._evaluate(tenant, text, at, budget, lookback_ms, use_recorded)
                outcome = "ok"
            except TimedOut:
                outcome = "timed out"
                raise
            except asyncio.CancelledError:
                outcome = "canceled"
                raise
            finally:
                spent = self._clock.monotonic() - began - queued
                if spent >= limits.slow_seconds:
                    _log(tenant, text, at, budget, outcome, spent, queued)
        if result.recorded:
            self._note_recorded(tenant, text, at, result, spent, lookback_ms)
        return Run(result, budget.series, budget.samples, queued, spent)

    def _note_recorded(
        self, tenant: str, text: str, at: Steps, result: Result, spent: float, lookback_ms: int | None
    ) -> None:
        """Count what was read as recorded; answer some of these queries once more, behind the client's back."""
        read = sum(each.steps for each in result.recorded)
        RECORDED_STEPS.labels("read").inc(read)
        RECORDED_STEPS.labels("evaluated").inc(sum(each.of for each in result.recorded) - read)
        if read and self._dice.random() < self._settings.shadow_share:
            task = asyncio.ensure_future(self._compare(tenant, text, at, result, spent, lookback_ms))
            self._comparing.add(task)
            task.add_done_callback(self._comparing.discard)

    async def _compare(
        self, tenant: str, text: str, at: Steps, result: Result, spent: float, lookback_ms: int | None
    ) -> None:
        with contextlib.suppress(PromQLError, ExecutionError, QueryError):
            again = await self.run(tenant, text, at, lookback_ms=lookback_ms, use_recorded=False)
            error = difference(result, again.result)
            self._largest_error = note(error, again.seconds - spent, self._largest_error)
            if error > EQUAL:
                structlog.get_logger(__name__).warning(
                    "recorded points differ from samples", tenant=tenant, query=text[:_LONGEST_TEXT], error=error
                )

    async def _evaluate(
        self, tenant: str, text: str, at: Steps, budget: Budget, lookback_ms: int | None, use_recorded: bool
    ) -> Result:
        limits = self._settings
        settings = Settings(
            lookback_ms=lookback_ms or int(limits.lookback_seconds * 1000),
            max_steps=limits.max_steps + 1,  # Prometheus' limit is of the intervals between them
            max_samples=limits.max_samples,
            max_series=limits.max_series,
            enable_experimental=limits.experimental,
        )
        storage = TenantSamples(self._database, tenant, self._known, self._recordings, budget)
        held = self._recordings.rules(tenant) if use_recorded else None
        rules = held.rules if held is not None and held.rewrite else ()
        rewrite = partial(covered, rules=rules, lookback_ms=settings.lookback_ms) if rules else None
        try:
            return await asyncio.wait_for(evaluate(text, storage, at, settings, rewrite), budget.seconds_left())
        except TimeoutError:
            raise TimedOut("query timed out in expression evaluation") from None

    @contextlib.asynccontextmanager
    async def _turn(self, tenant: str, deadline: float) -> AsyncIterator[None]:
        """One of the tenant's places, waited for until the deadline."""
        turns = self._turns.setdefault(tenant, _Turns(asyncio.Semaphore(self._settings.concurrent_queries)))
        turns.users += 1
        try:
            try:
                await asyncio.wait_for(turns.places.acquire(), max(deadline - self._clock.monotonic(), 0))
            except TimeoutError:
                raise TimedOut("query timed out in query queue") from None
            try:
                yield
            finally:
                turns.places.release()
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[tenant]


@dataclass(slots=True)
class _Turns:
    places: asyncio.Semaphore
    users: int = 0


def _log(tenant: str, text: str, at: Steps, budget: Budget, outcome: str, seconds: float, queued: float) -> None:
    structlog.get_logger(__name__).warning(
        "slow query",
        tenant=tenant,
        query=text[:_LONGEST_TEXT],
        outcome=outcome,
        seconds=round(seconds, 3),
        queued_seconds=round(queued, 3),
        series=budget.series,
        samples=budget.samples,
        start_ms=at.start_ms,
        end_ms=at.end_ms,
        step_ms=at.step_ms,
    )
