"""Samples for PromQL, out of ClickHouse, of one tenant and within what one query may take."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from typing import Any, TypeVar

import numpy as np

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import NAME_LABEL, Matcher, MatchType, Selector, metric_of
from otelhouse.promql.settings import Steps
from otelhouse.promql.storage import RecordedSteps, Samples
from otelhouse.recording.cover import Covered
from otelhouse.recording.groups import MOST_INTERVAL_MS
from otelhouse.recording.rule import StreamRule
from query.database import Database
from query.errors import BadInput, QueryError, Unavailable
from query.native import BrokenBlock, blocks
from query.plan.tree import Alias, Column, Expression, Param, Select, call, equals
from query.promql.assemble import Chunks, assemble
from query.promql.budget import Budget
from query.promql.known import Described, KnownSeries
from query.promql.matching import FEW, described, ids_of, names_of
from query.promql.recorded import COLUMNS, TYPES, Finals, Points, Recordings, known_of, merged, with_ends
from query.promql.regroup import aggregated
from query.read.estimate import rows_to_read
from query.source import Days, Range, days_since, source
from schema.arrays import I64, U64

T = TypeVar("T")

_SHORT_MS = 900_000
"""Ranges of which no more is read than a query may take, or little more: what is too much shows as it comes."""
_NS = 1_000_000
_LATEST = 2**63 // _NS - 1
_COLUMNS = (np.uint64, np.int64, np.uint64)


@dataclass(frozen=True, slots=True)
class TenantSamples:
    """The evaluator's Storage. Raises PromQLError and QueryError."""

    database: Database
    tenant: str
    known: KnownSeries
    recordings: Recordings
    budget: Budget

    async def select(self, selector: Selector, start_ms: int, end_ms: int) -> Samples:
        """Samples with start_ms < time <= end_ms of all series that have any there."""
        try:
            return await self._select(selector, start_ms, end_ms)
        except BadInput as error:
            raise PromQLError(str(error)) from None
        except QueryError:
            self.budget.seconds_left()  # that the time is out says more than what failed of it
            raise

    async def _select(self, selector: Selector, start_ms: int, end_ms: int) -> Samples:
        """One query where it is small: which series these are is known from before, or asked afterwards."""
        days = days_since(start_ms)
        names = await self._names(selector, days)
        read = self._read("samples", ("series", "time", "bits"), selector, names, days, start_ms, end_ms)
        reading = asyncio.create_task(self._chunks(read))
        recorded = asyncio.create_task(self._recorded(selector, names, start_ms, end_ms))
        try:
            if end_ms - start_ms > _SHORT_MS:
                await self._check(read)
            chunks = await reading
            if (points := await recorded) is not None:
                chunks.add(*points)
        finally:
            for task in (reading, recorded):
                task.cancel()
                task.add_done_callback(_looked_at)
        ids = chunks.series()
        self.budget.take_series(len(ids))
        found = await self._described(selector, days, ids)
        return await asyncio.to_thread(_samples, chunks, ids, found, metric_of(selector))

    async def recorded(self, source: Hashable, steps: Steps) -> RecordedSteps | None:
        """See Storage: by a rule, at the run of steps that are final, if all are multiples of its interval."""
        assert isinstance(source, Covered)
        rule, finals = source.rule, await self.recordings.finals(self.tenant)
        final = finals.rules.get(rule.id)
        if final is None or steps.start_ms % rule.interval_ms or (steps.count > 1 and steps.step_ms % rule.interval_ms):
            return None
        first = max(0, -((steps.start_ms - final.since_ms) // steps.step_ms))
        end = min(steps.count, (final.until_ms - steps.start_ms) // steps.step_ms + 1)
        if first >= end:
            return None
        part = steps.part(first, end)
        selector, days = (Matcher(NAME_LABEL, MatchType.EQUAL, rule.record),), days_since(part.start_ms)
        points = await self._points(selector, [rule.record], days, part.start_ms - 1, part.end_ms, finals, rule)
        points = points.where((points.times - part.start_ms) % part.step_ms == 0)
        found = await self._described(selector, days, np.unique(points.series))
        return await asyncio.to_thread(aggregated, source, first, part, points, found)

    async def _recorded(
        self, selector: Selector, names: list[str], start_ms: int, end_ms: int
    ) -> tuple[U64, I64, U64] | None:
        """What rules have recorded of these metrics, and where it ends; None if they are none of theirs."""
        finals = await self.recordings.finals(self.tenant)
        if not finals.metrics or (len(names) <= FEW and finals.metrics.isdisjoint(map(_hash, names))):
            return None
        # A series ends where its next point is missing, so the last one before is looked at, too.
        days = days_since(start_ms)
        points = await self._points(selector, names, days, start_ms - MOST_INTERVAL_MS, end_ms, finals)
        series, times, bits = with_ends(points, finals, end_ms)
        inside = times > start_ms
        return series[inside], times[inside], bits[inside]

    async def _points(
        self,
        selector: Selector,
        names: list[str],
        days: Days,
        start_ms: int,
        end_ms: int,
        finals: Finals,
        rule: StreamRule | None = None,
    ) -> Points:
        """Of all rules that record such series, or of one."""
        known = {} if rule is None else known_of(rule)
        columns = [(name, kind) for name, kind in zip(COLUMNS, TYPES, strict=True) if name not in known]
        read = self._read("recorded", [name for name, _ in columns], selector, names, days, start_ms, end_ms)
        if rule is not None:
            read = replace(read, where=(*read.where, equals(Column("rule"), Param("UInt64", rule.id))))

        def collect(stream: BufferedReader) -> Points:
            kinds = [kind for _, kind in columns]
            found = [[np.zeros(0, kind)] for kind in kinds]
            for block in blocks(stream, kinds):
                self.budget.take_samples(len(block[0]))
                for held, column in zip(found, block, strict=True):
                    held.append(column)
            read = {name: np.concatenate(held) for (name, _), held in zip(columns, found, strict=True)}
            rows = len(read["series"])
            told = {name: np.full(rows, value, kind) for name, (value, kind) in known.items()}
            return merged([(read | told)[name] for name in COLUMNS], finals)

        return await self._streamed(read, collect)

    async def _names(self, selector: Selector, days: Days) -> list[str]:
        name = metric_of(selector)
        if name is not None:
            return [name]
        return await names_of(self.database, self.tenant, selector, days, self._limits())

    def _read(
        self,
        table: str,
        columns: Sequence[str],
        selector: Selector,
        names: list[str],
        days: Days,
        start_ms: int,
        end_ms: int,
    ) -> Select:
        where: list[Expression] = []
        if len(names) <= FEW:
            hashes = sorted(set(map(_hash, names)))
            where.append(call("in", Column("metric_hash"), Param("Array(UInt32)", hashes)))
        if metric_of(selector) is None or len(selector) > 1:
            where.append(call("in", Column("series"), ids_of(self.tenant, selector, days)))
        between = Range(_clamped(start_ms + 1) * _NS, _clamped(end_ms) * _NS)
        wanted = tuple(Alias(Column(each), f"f_{each}") for each in columns)
        return Select(wanted, source(table, self.tenant, between, days), where=tuple(where))

    async def _check(self, read: Select) -> None:
        """Refuse what has more samples than may be read, while it begins to be read.

        How many rows the index leaves is known within milliseconds; only if they are too many is the number asked for.
        """
        left, limits = self.budget.samples_left, self._limits()
        if await rows_to_read(self.database, read, limits, self.budget.seconds_left()) > left:
            count = Select((Alias(call("count"), "rows"),), read.source, read.where)
            seconds = self.budget.seconds_left()
            self.budget.refuse_samples(await self.database.read(count, "TabSeparated", _number, limits, seconds))

    async def _chunks(self, read: Select) -> Chunks:
        """The samples as they come."""

        def collect(stream: BufferedReader) -> Chunks:
            chunks = Chunks()
            for series, times, bits in blocks(stream, _COLUMNS):
                self.budget.take_samples(len(times))
                chunks.add(series, times, bits)
            return chunks

        return await self._streamed(read, collect)

    async def _streamed(self, read: Select, collect: Callable[[BufferedReader], T]) -> T:
        try:
            return await self.database.read(read, "Native", collect, self._limits(), self.budget.seconds_left())
        except BrokenBlock:
            raise Unavailable("the storage broke off: try again") from None

    async def _described(self, selector: Selector, days: Days, ids: U64) -> list[Described | None]:
        wanted = ids.tolist()
        found = self.known.find(self.tenant, wanted)
        if missing := [each for each, labels in zip(wanted, found, strict=True) if labels is None]:
            told = await described(self.database, self.tenant, selector, days, missing, self._limits())
            self.known.add(self.tenant, told)
            by_id = dict(told)
            found = [by_id.get(each) if labels is None else labels for each, labels in zip(wanted, found, strict=True)]
        return found

    def _limits(self) -> dict[str, Any]:
        """A query's answer is as large as the budget allows, which is looked at as it comes."""
        return {"max_result_rows": 0, "max_result_bytes": 0, "max_execution_time": self.budget.seconds_left()}


def _looked_at(task: asyncio.Task[Any]) -> None:
    """That it failed is told by what failed before it."""
    if not task.cancelled():
        task.exception()


def _clamped(milliseconds: int) -> int:
    return min(max(milliseconds, 0), _LATEST)


def _hash(metric: str) -> int:
    return zlib.crc32(metric.encode())


def _number(stream: BufferedReader) -> int:
    return int(stream.read())


def _samples(chunks: Chunks, ids: U64, found: list[Described | None], metric: str | None) -> Samples:
    """Without series that nothing describes, and those of another metric whose name has the same hash."""
    kept = [
        place
        for place, each in enumerate(found)
        if each is not None and (metric is None or each.labels[NAME_LABEL] == metric)
    ]
    series = [each for place in kept if (each := found[place]) is not None]
    offsets, times, values = assemble(chunks, ids[kept])
    delta = np.array([each.delta for each in series], np.bool_)
    return Samples([each.labels for each in series], offsets, times, values, delta)
