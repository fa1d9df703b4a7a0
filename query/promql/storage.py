"""Samples for PromQL, out of ClickHouse, of one tenant and within what one query may take."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BufferedReader

import numpy as np

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import NAME_LABEL, MatchType, Selector
from otelhouse.promql.storage import Samples
from query.database import Database
from query.errors import BadInput, QueryError, Unavailable
from query.native import BrokenBlock, blocks
from query.plan.tree import Alias, Column, Expression, Param, Select, call
from query.promql.assemble import Chunks, assemble
from query.promql.budget import Budget
from query.promql.matching import Matched, days_since, ids_of, matched
from query.read.estimate import rows_to_read
from query.source import Days, Range, source

_FEW = 500
"""So many ids go as a parameter; more are found again by the server, since an address has its limits."""
_NS = 1_000_000
_LATEST = 2**63 // _NS - 1
_COLUMNS = (np.uint64, np.int64, np.uint64)
_NO_LIMIT = {"max_result_rows": 0, "max_result_bytes": 0}


@dataclass(frozen=True, slots=True)
class TenantSamples:
    """The evaluator's Storage. Raises QueryError."""

    database: Database
    tenant: str
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
        days = days_since(start_ms)
        most = self.budget.series_left + 1
        series = await matched(self.database, self.tenant, [selector], days, most, self.budget.seconds_left())
        self.budget.take_series(len(series.ids))
        if not len(series.ids):
            return _samples(series, Chunks())
        read = self._read(selector, series, days, start_ms, end_ms)
        await self._check(read, len(series.ids) * (end_ms - start_ms) // 1000)

        def collect(stream: BufferedReader) -> Samples:
            chunks = Chunks()
            for ids, times, bits in blocks(stream, _COLUMNS):
                self.budget.take_samples(len(times))
                chunks.add(ids, times, bits)
            return _samples(series, chunks)

        try:
            return await self.database.read(read, "Native", collect, self._limits(), self.budget.seconds_left())
        except BrokenBlock:
            raise Unavailable("the storage broke off: try again") from None

    async def _check(self, read: Select, at_a_second: int) -> None:
        """Refuse before the first sample is read what has more samples than may be read.

        `at_a_second`: what there would be at a sample a second. Where that is few there is nothing to ask about; else
        how many rows the index leaves is asked first, which takes milliseconds, and if that is too many the number.
        """
        left = self.budget.samples_left
        if at_a_second <= left:
            return
        limits, seconds = self._limits(), self.budget.seconds_left()
        if await rows_to_read(self.database, read, limits, seconds) <= left:
            return
        count = Select((Alias(call("count"), "rows"),), read.source, read.where)
        self.budget.refuse_samples(await self.database.read(count, "TabSeparated", _number, limits, seconds))

    def _limits(self) -> dict[str, float]:
        return {**_NO_LIMIT, "max_execution_time": self.budget.seconds_left()}

    def _read(self, selector: Selector, series: Matched, days: Days, start_ms: int, end_ms: int) -> Select:
        hashes = sorted({zlib.crc32(name.encode()) for name in set(series.metrics)})
        where: list[Expression] = []
        if len(hashes) <= _FEW:
            where.append(call("in", Column("metric_hash"), Param("Array(UInt32)", hashes)))
        if len(series.ids) <= _FEW:
            where.append(call("in", Column("series"), Param("Array(UInt64)", series.ids.tolist())))
        elif not _whole_metric(selector):
            where.append(call("in", Column("series"), ids_of(self.tenant, selector, days)))
        between = Range(_clamped(start_ms + 1) * _NS, _clamped(end_ms) * _NS)
        return Select(
            tuple(Alias(Column(name), f"f_{name}") for name in ("series", "time", "bits")),
            source("samples", self.tenant, between, days),
            where=tuple(where),
        )


def _whole_metric(selector: Selector) -> bool:
    """Whether it asks for all series of a metric: then a sample that was read is one that was meant."""
    return [(each.name, each.type) for each in selector] == [(NAME_LABEL, MatchType.EQUAL)]


def _clamped(milliseconds: int) -> int:
    return min(max(milliseconds, 0), _LATEST)


def _number(stream: BufferedReader) -> int:
    return int(stream.read())


def _samples(series: Matched, chunks: Chunks) -> Samples:
    offsets, times, values = assemble(chunks, series.ids)
    some = np.flatnonzero(np.diff(offsets))
    labels = [series.labels[place] for place in some.tolist()]
    starts = np.concatenate((offsets[some], offsets[-1:]))
    return Samples(labels, starts, times, values, series.delta[some])
