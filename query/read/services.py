"""Rate, errors and duration of each service, as measured before sampling of the spans by which work enters."""

from __future__ import annotations

from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Order, Select
from query.read.buckets import steps
from query.read.red import SUMS, Red, red_of
from query.source import Range, source


class ServiceRow(NamedTuple):
    """A service, and what was measured of it."""

    name: str
    red: Red


async def services(database: Database, tenant: str, range: Range, now: int) -> list[ServiceRow]:
    """Services by name, in the tens of seconds that the range touches. Each span counts for those it stands for.

    Entry spans are those of kind SERVER or CONSUMER, and those without a parent.
    """
    covered = steps(range, now)
    select = Select(
        (Alias(Column("service"), "f_service"), *SUMS),
        source("red", tenant, covered.range),
        where=(Column("entry"),),
        group_by=(Column("service"),),
        order_by=(Order(Column("service")),),
        limit=10_000,
    )
    return [ServiceRow(name, red_of(covered.seconds, *sums)) for name, *sums in await database.rows(select)]
