"""Rate, errors and duration of each operation of a service, also by values of dimensions, measured before sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Expression, Lambda, Order, Select, call, equals, text
from query.read.buckets import steps
from query.read.red import REQUESTS, SUMS, Red, red_of
from query.source import Range, source

MOST_OPERATIONS = 5_000


class OperationRow(NamedTuple):
    """Spans of one name, kind (OTLP's number) and values of dimensions: those asked for that the spans have."""

    name: str
    kind: int
    dimensions: dict[str, str]
    red: Red


async def operations(
    database: Database, tenant: str, service: str, range: Range, by: Sequence[str], now: int
) -> list[OperationRow]:
    """The busiest first, MOST_OPERATIONS at most, in the tens of seconds that the range touches.

    `by`: keys of dimensions; over values of others is added up.
    """
    covered = steps(range, now)
    groups = (Column("operation"), Column("kind"), _values(by))
    select = Select(
        (*(Alias(group, f"f_group{place}") for place, group in enumerate(groups)), *SUMS),
        source("red", tenant, covered.range),
        where=(equals(Column("service"), text(service)),),
        group_by=groups,
        order_by=(Order(Column(REQUESTS), descending=True), *map(Order, groups)),
        limit=MOST_OPERATIONS,
    )
    found = []
    for name, kind, values, *sums in await database.rows(select):
        dimensions = {key: value for key, (there, value) in zip(by, values, strict=True) if there}
        found.append(OperationRow(name, kind, dimensions, red_of(covered.seconds, *sums)))
    return found


def _values(by: Sequence[str]) -> Expression:
    """By key: whether the dimension is there, and its value."""
    key, dimensions = Column("key"), Column("dimensions")
    value = call("tuple", call("mapContains", dimensions, key), call("arrayElement", dimensions, key))
    return call("arrayMap", Lambda("key", value), call("array", *map(text, by)))
