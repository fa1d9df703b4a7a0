"""Resource attributes, kept once a resource and joined to rows by id."""

from __future__ import annotations

from collections.abc import Iterable

from query.database import Database
from query.plan.tree import Alias, Call, Column, Param, Select, call
from query.read.values import JsonMap, typed
from query.source import source

IDS_A_QUERY = 2_000


async def resources(database: Database, tenant: str, ids: Iterable[int]) -> dict[int, JsonMap]:
    """Attributes by resource id; an id that is not stored (yet) is left out."""
    wanted = sorted(set(ids))
    found: dict[int, JsonMap] = {}
    for start in range(0, len(wanted), IDS_A_QUERY):
        for resource, attributes, json_keys in await database.rows(
            _select(tenant, wanted[start : start + IDS_A_QUERY])
        ):
            found[resource] = typed(attributes, json_keys)
    return found


def _select(tenant: str, ids: list[int]) -> Select:
    names = ("resource", "attributes", "attributes_json")
    # Written once a processor, partition and day: the copies are the same.
    one: Call = call("in", Column("resource"), Param("Array(UInt64)", ids))
    return Select(
        tuple(Alias(Column(name), name) for name in names),
        source("resources", tenant),
        where=(one,),
        limit_by=(1, (Column("resource"),)),
    )
