"""What a tenant's metrics are: type, unit and help of each family, as Prometheus' API tells them."""

from __future__ import annotations

from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Order, Select, call, equals, text
from query.source import source

_PARTS = ("_bucket", "_count", "_sum")
_WITH_PARTS = ("histogram", "gaugehistogram", "summary")
_METRIC = Column("metric")
_HAS_PARTS = call("or", *(equals(Column("type"), text(kind)) for kind in _WITH_PARTS))
_STEM = call("replaceRegexpOne", _METRIC, text(f"({'|'.join(_PARTS)})$"), text(""))
_FAMILY = call("if", _HAS_PARTS, _STEM, _METRIC)


class Metadata(NamedTuple):
    """Of one family; what is not known is empty, an unknown type `unknown`."""

    family: str
    type: str
    unit: str
    help: str


async def metadata(database: Database, tenant: str, family: str, most: int) -> list[Metadata]:
    """Each different one once, sorted by family; of one family or, where that is empty, of all."""
    columns = (
        Alias(_FAMILY, "family"),
        *(Alias(Column(name), f"f_{name}") for name in ("type", "unit", "help")),
    )
    rows = await database.rows(
        Select(
            columns,
            source("series", tenant),
            where=(equals(_FAMILY, text(family)),) if family else (),
            order_by=tuple(Order(Column(each.name)) for each in columns),
            limit=most,
            distinct=True,
        )
    )
    return [Metadata(name, kind or "unknown", unit, help) for name, kind, unit, help in rows]
