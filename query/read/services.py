"""Rate, errors and duration of each service, as measured before sampling of the spans by which work enters."""

from __future__ import annotations

from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Number, Order, Select, call, equals
from query.read.buckets import merged, percentile, steps
from query.source import Range, source

_ERROR = 2


class ServiceRow(NamedTuple):
    """A service. Rate in requests per second, errors as a share of 1, durations in milliseconds."""

    name: str
    request_rate: float
    error_rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def services(database: Database, tenant: str, range: Range, now: int) -> list[ServiceRow]:
    """Services by name, in the tens of seconds that the range touches. Each span counts for those it stands for.

    Entry spans are those of kind SERVER or CONSUMER, and those without a parent. A percentile is within 2.2 %.
    """
    covered = steps(range, now)
    requests = Column("requests")
    select = Select(
        (
            Alias(Column("service"), "f_service"),
            Alias(call("sum", requests), "f_requests"),
            Alias(call("sumIf", requests, equals(Column("status"), Number(_ERROR))), "f_errors"),
            merged("f_durations"),
        ),
        source("red", tenant, covered.range),
        where=(Column("entry"),),
        group_by=(Column("service"),),
        order_by=(Order(Column("service")),),
        limit=10_000,
    )
    return [
        ServiceRow(
            name,
            requests / covered.seconds,
            errors / requests if requests else 0.0,
            *((percentile(share, *durations) or 0.0) / 1e6 for share in (0.5, 0.95, 0.99)),
        )
        for name, requests, errors, durations in await database.rows(select)
    ]
