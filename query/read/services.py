"""Rate, errors and duration of each service, from the spans by which work enters it."""

from __future__ import annotations

from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Call, Column, Expression, Number, Order, Param, Select, any_of, call, equals
from query.read.values import ZERO_SPAN
from query.source import Range, source

# Percentiles take whole weights: sixteenths keep the fractions that sampling rates have.
_SCALE = 16
# Durations are rounded down to this many leading bits (0.025 %), so that a service has some 100,000 different ones
# at most, whatever its traffic. A t-digest takes less, but interpolates between far values under uneven weights.
_BITS = 12

_SERVER, _CONSUMER, _ERROR = 2, 5, 2


class ServiceRow(NamedTuple):
    """A service. Rate in requests per second, errors as a share of 1, durations in milliseconds."""

    name: str
    request_rate: float
    error_rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def services(database: Database, tenant: str, range: Range) -> list[ServiceRow]:
    """Services by name. Each span counts as many requests as it stands for after sampling.

    Entry spans are those of kind SERVER or CONSUMER, and those without a parent. A percentile is a duration that
    occurred, 0.025 % too low at worst.
    """
    count = Column("adjusted_count")
    failed = equals(Column("status"), Number(_ERROR))
    weight = call("toUInt64", call("ceil", call("multiply", count, Number(_SCALE))))
    percentiles = Call("quantilesExactWeighted", (_rounded(Column("duration_ns")), weight), (0.5, 0.95, 0.99))
    orphan = equals(Column("parent_id"), call("toFixedString", call("unhex", Param("String", ZERO_SPAN)), Number(8)))
    entry = any_of(call("in", Column("kind"), call("tuple", Number(_SERVER), Number(_CONSUMER))), orphan)
    select = Select(
        (
            Alias(Column("service"), "f_service"),
            Alias(call("sum", count), "requests"),
            Alias(call("sumIf", count, failed), "errors"),
            Alias(percentiles, "durations"),
        ),
        source("spans", tenant, range),
        where=(entry,),
        group_by=(Column("service"),),
        order_by=(Order(Column("service")),),
        limit=10_000,
    )
    seconds = max(range.seconds, 1e-9)
    return [
        ServiceRow(name, requests / seconds, errors / requests if requests else 0.0, *(ns / 1e6 for ns in durations))
        for name, requests, errors, durations in await database.rows(select)
    ]


def _rounded(duration: Expression) -> Call:
    bits = call("toInt8", call("log2", call("greatest", duration, Number(1))))
    dropped = call("greatest", call("minus", bits, Number(_BITS)), Number(0))
    step = call("bitShiftLeft", call("toInt64", Number(1)), dropped)
    return call("minus", duration, call("modulo", duration, step))
