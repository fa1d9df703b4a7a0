"""Which metrics and labels a tenant's series are made of: what it is that explodes."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Expression, Number, Order, Select, Source, call, equals, text
from query.source import Days, Range, source

_HOUR = 3_600_000_000_000
_DAY = 24 * _HOUR


class MetricCount(NamedTuple):
    """Series of one metric."""

    metric: str
    series: int


class LabelCount(NamedTuple):
    """Series that have a label, and how many values it has in them."""

    label: str
    values: int
    series: int


class RefusedCount(NamedTuple):
    """Samples of a metric that a limit of series kept out. `series`: the most in one window of one partition."""

    metric: str
    reason: str
    series: int
    samples: int


class Counts(NamedTuple):
    """Of the series that were active in hours of log time. Lists: the largest first."""

    series: int
    metrics: list[MetricCount]
    labels: list[LabelCount]
    refused: list[RefusedCount]


async def cardinality(database: Database, tenant: str, range: Range, metric: str | None, first: int) -> Counts:
    """In the hours of log time that the range touches, of one metric or of all; `first` of each list."""
    hours = Range(range.start // _HOUR * _HOUR, range.end)
    seen = Select((Alias(Column("series"), "id"),), source("series_seen", tenant, hours))
    described = source("series", tenant, days=Days(hours.start // _DAY, hours.end // _DAY))
    of_metric = (equals(Column("metric"), text(metric)),) if metric is not None else ()
    active = (call("in", Column("series"), seen), *of_metric)
    total, metrics, labels, refused = await asyncio.gather(
        database.rows(Select((Alias(_SERIES, "total"),), described, where=active)),
        database.rows(_top((Column("metric"),), (_SERIES,), described, active, first)),
        database.rows(_top((_LABEL,), (call("uniqExact", _VALUE), _SERIES), described, active, first)),
        database.rows(_top(_REFUSED, _REFUSALS, source("series_refused", tenant, hours), of_metric, first)),
    )
    return Counts(
        total[0][0],
        [MetricCount(*row) for row in metrics],
        [LabelCount(*row) for row in labels],
        [RefusedCount(*row) for row in refused],
    )


# A label of each row, once for each that it has: equal calls of arrayJoin in one SELECT go together.
_PAIR = call("arrayJoin", Column("labels"))
_LABEL, _VALUE = (call("tupleElement", _PAIR, Number(place)) for place in (1, 2))
_SERIES = call("uniqExact", Column("series"))
_REFUSED = (Column("metric"), Column("reason"))
_REFUSALS = (call("max", Column("series")), call("sum", Column("samples")))


def _top(
    names: tuple[Expression, ...],
    counts: tuple[Expression, ...],
    table: Source,
    where: tuple[Expression, ...],
    first: int,
) -> Select:
    """Groups with the largest last count; equal ones by name."""
    columns = tuple(Alias(each, f"f_{place}") for place, each in enumerate((*names, *counts)))
    order = (Order(Column(columns[-1].name), descending=True), *map(Order, names))
    return Select(columns, table, where=where, group_by=names, order_by=order, limit=first)
