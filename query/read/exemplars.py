"""Exemplars of metrics: which traces their samples came from, and what became of those."""

from __future__ import annotations

from typing import NamedTuple

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import NAME_LABEL, selectors
from query.database import Database
from query.errors import BadInput
from query.plan.tree import Alias, Column, Number, Order, Param, Select, any_of, call
from query.read.decisions import State, decisions
from query.read.series import selects
from query.read.spans import hexadecimal
from query.read.values import JsonMap, typed
from query.source import Range, nanoseconds, source

MOST_EXEMPLARS = 5_000
"""Of one query; of more the newest."""
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_NINE = Number(9)  # digits of a second


class ExemplarRow(NamedTuple):
    """One exemplar; `time` in nanoseconds. `state` is None where the trace was never seen, or none is named."""

    time: int
    value: float
    trace_id: str | None
    span_id: str | None
    attributes: JsonMap
    state: State | None


class Exemplars(NamedTuple):
    """Those of one series, by time."""

    labels: dict[str, str]
    rows: list[ExemplarRow]


async def exemplars(database: Database, tenant: str, query: str, range: Range) -> list[Exemplars]:
    """Of the series that any selector of a PromQL expression selects, in a range of time; series by their labels.

    Raises BadInput for what is no expression.
    """
    try:
        found = selectors(query)
    except PromQLError as error:
        raise BadInput(f"query: {error}") from None
    if not found:
        return []
    chosen = Select((Alias(Column("series"), "id"),), source("series", tenant), where=(any_of(*map(selects, found)),))
    rows = await database.rows(
        Select(
            (
                Alias(Column("series"), "f_series"),
                Alias(nanoseconds(call("toDateTime64", Column("time"), _NINE)), "at"),
                Alias(Column("value"), "f_value"),
                Alias(hexadecimal(Column("trace_id")), "trace"),
                Alias(hexadecimal(Column("span_id")), "span"),
                Alias(Column("attributes"), "f_attributes"),
                Alias(Column("attributes_json"), "f_json"),
            ),
            source("exemplars", tenant, range),
            where=(call("in", Column("series"), chosen),),
            order_by=(Order(Column("time"), descending=True), Order(Column("series")), Order(Column("value"))),
            limit=MOST_EXEMPLARS,
            distinct=True,
        )
    )
    if not rows:
        return []
    labels = await _labels(database, tenant, sorted({series for series, *_ in rows}))
    traces = sorted({trace for _, _, _, trace, *_ in rows if trace != _NO_TRACE})
    states = await decisions(database, tenant, traces) if traces else {}
    by_series: dict[int, list[ExemplarRow]] = {}
    for series, at, value, trace, span, attributes, json_keys in reversed(rows):
        decided = states.get(trace)
        by_series.setdefault(series, []).append(
            ExemplarRow(
                at,
                value,
                None if trace == _NO_TRACE else trace,
                None if span == _NO_SPAN else span,
                typed(attributes, json_keys),
                decided.state if decided else None,
            )
        )
    made = [Exemplars(labels.get(series, {}), found) for series, found in by_series.items()]
    return sorted(made, key=lambda each: sorted(each.labels.items()))


async def _labels(database: Database, tenant: str, series: list[int]) -> dict[int, dict[str, str]]:
    """With the metric's name, as Prometheus shows them."""
    rows = await database.rows(
        Select(
            (
                Alias(Column("series"), "f_series"),
                Alias(Column("metric"), "f_metric"),
                Alias(Column("labels"), "f_labels"),
            ),
            source("series", tenant),
            where=(call("in", Column("series"), Param("Array(UInt64)", series)),),
            limit_by=(1, (Column("series"),)),
        )
    )
    return {found: {NAME_LABEL: metric, **labels} for found, metric, labels in rows}
