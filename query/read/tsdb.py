"""What is large among a tenant's active series, as Prometheus' status page of its head block tells it."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Call, Column, Expression, Number, Order, Select, Source, call, text
from query.source import Days, Range, source

_HOUR = 3_600_000_000_000
_DAY = 24 * _HOUR


class Named(NamedTuple):
    """A count of something that has a name."""

    name: str
    value: int


class Head(NamedTuple):
    """Of series that were active in hours of log time. Lists: the largest first."""

    series: int
    label_pairs: int
    by_metric: list[Named]
    values_by_label: list[Named]
    bytes_by_label: list[Named]
    by_pair: list[Named]


async def head(database: Database, tenant: str, range: Range, first: int) -> Head:
    """In the hours that the range touches; `first` of each list."""
    hours = Range(range.start // _HOUR * _HOUR, range.end)
    seen = Select((Alias(Column("series"), "id"),), source("series_seen", tenant, hours))
    table = source("series", tenant, days=Days(hours.start // _DAY, hours.end // _DAY))
    active = call("in", Column("series"), seen)

    def top(name: Expression, count: Expression) -> Select:
        return _top(name, count, table, active, first)

    # Metrics' names count as the label that they are for Prometheus.
    pairs = call("arrayJoin", call("mapConcat", call("map", text("__name__"), Column("metric")), _LABELS))
    name, value = (call("tupleElement", pairs, Number(place)) for place in (1, 2))
    pair = call("concat", name, text("="), value)
    numbers, *lists = await asyncio.gather(
        database.rows(
            Select((Alias(_SERIES, "f_series"), Alias(call("uniqExact", pair), "f_pairs")), table, where=(active,))
        ),
        database.rows(top(Column("metric"), _SERIES)),
        database.rows(top(name, call("uniqExact", value))),
        database.rows(top(name, _bytes(value))),
        database.rows(top(pair, _SERIES)),
    )
    named = [[Named(*row) for row in rows] for rows in lists]
    return Head(numbers[0][0], numbers[0][1], *named)


_SERIES = call("uniqExact", Column("series"))
_LABELS = call("CAST", Column("labels"), text("Map(String, String)"))


def _bytes(value: Expression) -> Call:
    """Of the different values."""
    return call("arraySum", call("arrayMap", Column("length"), call("groupUniqArray", value)))


def _top(name: Expression, count: Expression, table: Source, where: Expression, first: int) -> Select:
    """Names with the largest counts; equal ones by name."""
    columns = (Alias(name, "f_name"), Alias(count, "f_count"))
    order = (Order(Column("f_count"), descending=True), Order(Column("f_name")))
    return Select(columns, table, where=(where,), group_by=(Column("f_name"),), order_by=order, limit=first)
