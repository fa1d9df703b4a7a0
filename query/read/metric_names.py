"""Names of metrics, as translated for Prometheus."""

from __future__ import annotations

from query.database import Database
from query.plan.tree import Alias, Column, Order, Select, call, text
from query.source import source

LIMIT = 10_000


async def metric_names(database: Database, tenant: str, prefix: str) -> list[str]:
    """The first LIMIT names that begin with the prefix, sorted."""
    select = Select(
        (Alias(Column("metric"), "f_metric"),),
        source("series", tenant),
        where=(call("startsWith", Column("metric"), text(prefix)),) if prefix else (),
        order_by=(Order(Column("metric")),),
        limit=LIMIT,
        distinct=True,
    )
    return [name for (name,) in await database.rows(select)]
