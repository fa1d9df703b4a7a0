"""Log records, newest first, in pages that hold however many records share a timestamp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Expression, Number, Order, Param, Select, Source, call, equals, text
from query.read.attributes import Match, holds
from query.read.resources import resources
from query.read.spans import hexadecimal, identifiers
from query.read.values import JsonMap
from query.source import Days, Range, instant, nanoseconds, source

LOGS_A_TRACE = 1_000


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a record must fulfil, all of it. `text` is looked for in the body, whatever its case."""

    range: Range
    service: str | None = None
    text: str | None = None
    min_severity: int | None = None
    trace_id: str | None = None
    attributes: tuple[Match, ...] = ()


class LogPosition(NamedTuple):
    """Sort key of the last record given: time and hash of its contents, both descending.

    Records that are the same in both are the same record stored twice; `given` of them were given.
    """

    time: int
    hash: int
    given: int


class LogRow(NamedTuple):
    """A record as stored, in the order of `_COLUMNS`; ids in lower-case hexadecimal, times in nanoseconds."""

    time: int
    hash: int
    observed_time: int
    trace_id: str
    span_id: str
    severity_number: int
    severity_text: str
    service: str
    body: str
    body_json: bool
    resource: int
    attributes: dict[str, str]
    attributes_json: list[str]


class Logs(NamedTuple):
    """Records in order, and the attributes of their resources by id."""

    rows: list[LogRow]
    resources: dict[int, JsonMap]


# What tells apart the records of one nanosecond.
_HASHED = (
    "service", "severity_number", "severity_text", "trace_id", "span_id", "observed_time", "body", "resource",
    "attributes", "block",
)  # fmt: skip
_HASH = call("cityHash64", *(Column(name) for name in _HASHED))


def _column(field: str) -> Alias:
    column: Expression = Column(field)
    if field in ("trace_id", "span_id"):
        column = hexadecimal(column)
    elif field in ("time", "observed_time"):
        column = nanoseconds(column)
    elif field == "hash":
        column = _HASH
    return Alias(column, f"f_{field}")


_COLUMNS = tuple(_column(field) for field in LogRow._fields)


async def matching_logs(
    database: Database, tenant: str, query: LogQuery, limit: int, after: LogPosition | None
) -> Logs:
    """The newest `limit` records, after a position if one is given, that fulfil the query."""
    select = Select(
        _COLUMNS,
        source("logs", tenant, query.range),
        where=tuple(_conditions(tenant, query)),
        order_by=(Order(Column("f_time"), descending=True), Order(Column("f_hash"), descending=True)),
        limit=limit,
    )
    oldest = await _oldest_of_page(database, select, limit, after)
    if oldest is not None:
        select = replace(select, where=(*select.where, call("greaterOrEquals", Column("time"), instant(oldest))))
    if after is not None:
        select = replace(select, where=(*select.where, *_not_before(after)), offset=after.given)
    rows = [LogRow(*row) for row in await database.rows(select)]
    return Logs(rows, await resources(database, tenant, (row.resource for row in rows)))


async def _oldest_of_page(database: Database, page: Select, limit: int, after: LogPosition | None) -> int | None:
    """Time of a page's last record, or None if all that is left fits in: found from times alone.

    The page itself then reads bodies and attributes only of that short stretch of time. Of the position's own
    nanosecond any number of records may be left: those come on top.
    """
    where = page.where
    if after is not None:
        where = (*where, call("less", Column("time"), instant(after.time)))
    times = replace(
        page,
        columns=(Alias(nanoseconds(Column("time")), "f_time"),),
        where=where,
        order_by=(Order(Column("time"), descending=True),),
        limit=1,
        offset=limit - 1,
    )
    found = await database.rows(times)
    return int(found[0][0]) if found else None


def _not_before(after: LogPosition) -> Iterable[Expression]:
    yield call("lessOrEquals", Column("time"), instant(after.time))
    here = call("tuple", Column("f_time"), Column("f_hash"))
    there = call("tuple", Param("Int64", after.time), Param("UInt64", after.hash))
    yield call("lessOrEquals", here, there)


def position_after(rows: Sequence[LogRow], index: int, after: LogPosition | None) -> LogPosition:
    """Position of the record at `index` of a page that began after `after`."""
    row = rows[index]
    same = sum(1 for other in rows[: index + 1] if (other.time, other.hash) == (row.time, row.hash))
    before = after.given if after is not None and (after.time, after.hash) == (row.time, row.hash) else 0
    return LogPosition(row.time, row.hash, before + same)


def _conditions(tenant: str, query: LogQuery) -> Iterable[Expression]:
    if query.service is not None:
        yield equals(Column("service"), text(query.service))
    if query.min_severity is not None:
        yield call("greaterOrEquals", Column("severity_number"), Param("Int32", query.min_severity))
    if query.trace_id is not None:
        yield identifiers("trace_id", 16, [query.trace_id])
    if query.text:
        found = call("positionCaseInsensitiveUTF8", Column("body"), text(query.text))
        yield call("greater", found, Number(0))
    for match in query.attributes:
        yield holds(match, ("attributes", "scope_attributes"), (), source("resources", tenant))


async def logs_of_traces(database: Database, tenant: str, days: Days, trace_ids: Sequence[str]) -> Logs:
    """The records of these traces by time; of one trace the first LOGS_A_TRACE.

    A log may be written a day before or after the spans of its trace: it has a partition and a window of its own.
    """
    near: Source = source("logs", tenant, days=Days(max(days.first - 1, 0), days.last + 1))
    select = Select(
        _COLUMNS,
        near,
        where=(identifiers("trace_id", 16, trace_ids),),
        order_by=(Order(Column("f_time")), Order(Column("f_hash"))),
        limit_by=(LOGS_A_TRACE, (Column("trace_id"),)),
    )
    rows = [LogRow(*row) for row in await database.rows(select)]
    return Logs(rows, await resources(database, tenant, (row.resource for row in rows)))
