"""Labels of series: their sets, names and values, as Prometheus' API lists them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from otelhouse.promql.selectors import NAME_LABEL, Selector, metric_of
from query.database import Database, Reading
from query.plan.tree import (
    Alias,
    Column,
    Expression,
    Number,
    Order,
    Param,
    Select,
    Source,
    any_of,
    call,
    equals,
    negated,
    text,
)
from query.read.estimate import rows_to_read
from query.read.series import selects
from query.source import Range, days_since, source

_MS = 1_000_000
_HOUR_MS = 3_600_000
_RECENT_MS = 7_200_000
"""What came since then counts whenever its series began, as in the head block of Prometheus."""
_MOST_ROWS = 200_000_000
"""Rows of samples that may be looked at to learn which series had any in a range."""
_LATEST_MS = 2**63 // _MS - 1


class Wanted(NamedTuple):
    """Series that any of the selectors finds (without selectors: all), and active in a range of time, in ms."""

    selectors: Sequence[Selector]
    start_ms: int
    end_ms: int


async def label_sets(database: Database, tenant: str, wanted: Wanted, now_ms: int, most: int) -> list[dict[str, str]]:
    """Each once, sorted by metric; at most `most`. A series that has no samples, but native histograms, counts."""
    table, where = await _active(database, tenant, wanted, now_ms)
    columns = (Alias(Column("metric"), "f_metric"), Alias(Column("labels"), "f_labels"))
    order = (Order(Column("metric")), Order(Column("series")))
    once = (1, (Column("series"),))
    select = Select(columns, table, where, order_by=order, limit_by=once, limit=most)
    rows = await database.rows(select, Reading.SCAN)
    return [{NAME_LABEL: metric, **labels} for metric, labels in rows]


async def label_names(database: Database, tenant: str, wanted: Wanted, now_ms: int, most: int) -> list[str]:
    """Sorted; at most `most`."""
    table, where = await _active(database, tenant, wanted, now_ms)
    names = call("arrayJoin", call("arrayPushFront", call("mapKeys", Column("labels")), text(NAME_LABEL)))
    return await _distinct(database, Select((Alias(names, "found"),), table, where), most)


async def label_values(database: Database, tenant: str, name: str, wanted: Wanted, now_ms: int, most: int) -> list[str]:
    """Sorted; at most `most`."""
    table, where = await _active(database, tenant, wanted, now_ms)
    value = Column("metric") if name == NAME_LABEL else call("arrayElement", Column("labels"), text(name))
    some = negated(equals(value, text("")))
    return await _distinct(database, Select((Alias(value, "found"),), table, (*where, some)), most)


async def _distinct(database: Database, select: Select, most: int) -> list[str]:
    select = Select(
        select.columns, select.source, select.where, order_by=(Order(Column("found")),), limit=most, distinct=True
    )
    return [value for (value,) in await database.rows(select, Reading.SCAN)]


async def _active(
    database: Database, tenant: str, wanted: Wanted, now_ms: int
) -> tuple[Source, tuple[Expression, ...]]:
    """The table of series and what holds for those wanted.

    Hours of log time say which series were active since the start. Which of them had begun by the end only samples say:
    they are asked where the end has passed for some time, unless they are too many; then series that began later are
    among the answer, as Prometheus' are that share a block with the range.
    """
    first, last = (min(max(each, 0), _LATEST_MS) for each in (wanted.start_ms, wanted.end_ms))
    chosen = any_of(*map(selects, wanted.selectors)) if wanted.selectors else None
    conditions = [] if chosen is None else [chosen]
    if wanted.start_ms > 0:
        hour = max(first // _HOUR_MS - 1, 0) * _HOUR_MS  # a clock may be ahead of ours
        seen = (source(table, tenant, Range(hour * _MS, _LATEST_MS * _MS)) for table in ("series_seen", "recorded"))
        conditions.append(any_of(*(call("in", Column("series"), _ids(each)) for each in seen)))
    if last < first:
        conditions.append(Number(0))
    elif last < now_ms - _RECENT_MS:
        found = [_with(table, tenant, wanted, first, last) for table in ("samples", "recorded", "histograms")]
        if await rows_to_read(database, found[0]) <= _MOST_ROWS:
            conditions.append(any_of(*(call("in", Column("series"), each) for each in found)))
    return source("series", tenant, days=days_since(first)), tuple(conditions)


def _with(table: str, tenant: str, wanted: Wanted, first: int, last: int) -> Select:
    """Ids of series that have a row of a table in a range."""
    rows = source(table, tenant, Range(first * _MS, last * _MS), days_since(first))
    names = [metric_of(each) for each in wanted.selectors]
    hashes = sorted({zlib.crc32(name.encode()) for name in names if name is not None})
    narrow = table != "histograms" and names and None not in names
    where = (call("in", Column("metric_hash"), Param("Array(UInt32)", hashes)),) if narrow else ()
    return replace(_ids(rows), where=where, distinct=True)


def _ids(rows: Source) -> Select:
    return Select((Alias(Column("series"), "id"),), rows)
