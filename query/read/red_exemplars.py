"""Exemplars of operations: the slowest stored spans among those that were measured."""

from __future__ import annotations

from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Expression, Order, Select, equals, text
from query.read.spans import hexadecimal
from query.source import Range, nanoseconds, source


class Asked(NamedTuple):
    """The first so many of every operation of a service, of spans that start in a range."""

    service: str
    range: Range
    first: int


class ExemplarRow(NamedTuple):
    """A stored span; `time` of its start and `duration` in nanoseconds, ids in lower-case hexadecimal."""

    time: int
    duration: int
    trace_id: str
    span_id: str
    status: int


OfOperations = dict[tuple[str, int], list[ExemplarRow]]
"""By name and kind of the operation."""


async def red_exemplars(database: Database, tenant: str, asked: Asked) -> OfOperations:
    """The slowest first. A span that a client sent twice is told once."""
    operation = (Column("operation"), Column("kind"))
    columns: tuple[Expression, ...] = (
        *operation,
        nanoseconds(Column("time")),
        Column("duration_ns"),
        *(hexadecimal(Column(name)) for name in ("trace_id", "span_id")),
        Column("status"),
    )
    slowest = Order(Column("duration_ns"), descending=True)
    select = Select(
        tuple(Alias(column, f"f_{place}") for place, column in enumerate(columns)),
        source("red_exemplars", tenant, asked.range),
        where=(equals(Column("service"), text(asked.service)),),
        order_by=(*map(Order, operation), slowest, *(Order(Column(name)) for name in ("trace_id", "span_id", "time"))),
        limit_by=(asked.first, operation),
        distinct=True,
    )
    found: OfOperations = {}
    for name, kind, *span in await database.rows(select):
        found.setdefault((name, kind), []).append(ExemplarRow(*span))
    return found
