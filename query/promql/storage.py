"""Samples for PromQL, out of ClickHouse, of one tenant and within what one query may take."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import NAME_LABEL, Selector, metric_of
from otelhouse.promql.storage import Samples
from query.database import Database
from query.errors import BadInput, QueryError, Unavailable
from query.native import BrokenBlock, blocks
from query.plan.tree import Alias, Column, Expression, Param, Select, call
from query.promql.assemble import Chunks, assemble
from query.promql.budget import Budget
from query.promql.known import Described, KnownSeries
from query.promql.matching import FEW, described, ids_of, names_of
from query.read.estimate import rows_to_read
from query.source import Days, Range, days_since, source
from schema.arrays import U64

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
        read = await self._read(selector, days, start_ms, end_ms)
        reading = asyncio.create_task(self._chunks(read))
        try:
            if end_ms - start_ms > _SHORT_MS:
                await self._check(read)
            chunks, ids = await reading
        finally:
            reading.cancel()
            reading.add_done_callback(_looked_at)
        found = await self._described(selector, days, ids)
        return await asyncio.to_thread(_samples, chunks, ids, found, metric_of(selector))

    async def _read(self, selector: Selector, days: Days, start_ms: int, end_ms: int) -> Select:
        name = metric_of(selector)
        names = (
            [name] if name is not None else await names_of(self.database, self.tenant, selector, days, self._limits())
        )
        where: list[Expression] = []
        if len(names) <= FEW:
            hashes = sorted({zlib.crc32(each.encode()) for each in names})
            where.append(call("in", Column("metric_hash"), Param("Array(UInt32)", hashes)))
        if name is None or len(selector) > 1:
            where.append(call("in", Column("series"), ids_of(self.tenant, selector, days)))
        between = Range(_clamped(start_ms + 1) * _NS, _clamped(end_ms) * _NS)
        columns = tuple(Alias(Column(each), f"f_{each}") for each in ("series", "time", "bits"))
        return Select(columns, source("samples", self.tenant, between, days), where=tuple(where))

    async def _check(self, read: Select) -> None:
        """Refuse what has more samples than may be read, while it begins to be read.

        How many rows the index leaves is known within milliseconds; only if they are too many is the number asked for.
        """
        left, limits = self.budget.samples_left, self._limits()
        if await rows_to_read(self.database, read, limits, self.budget.seconds_left()) > left:
            count = Select((Alias(call("count"), "rows"),), read.source, read.where)
            seconds = self.budget.seconds_left()
            self.budget.refuse_samples(await self.database.read(count, "TabSeparated", _number, limits, seconds))

    async def _chunks(self, read: Select) -> tuple[Chunks, U64]:
        """The samples as they come, and of which series they are."""

        def collect(stream: BufferedReader) -> tuple[Chunks, U64]:
            chunks = Chunks()
            for series, times, bits in blocks(stream, _COLUMNS):
                self.budget.take_samples(len(times))
                chunks.add(series, times, bits)
            ids = chunks.series()
            self.budget.take_series(len(ids))
            return chunks, ids

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
