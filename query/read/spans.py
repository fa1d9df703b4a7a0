"""Spans of traces found through the trace index: it says where in time and in which days they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from query.database import Database, Reading
from query.errors import LimitExceeded
from query.plan.tree import Alias, Call, Column, Expression, Lambda, Number, Order, Select, call, text
from query.read.resources import resources
from query.read.values import JsonMap
from query.source import Days, Range, nanoseconds, source

SPANS_A_TRACE = 20_000
SPANS_A_QUERY = 50_000


class Extent(NamedTuple):
    """Where the rows of some traces are: event time and days of log time."""

    range: Range
    days: Days


class SpanRow(NamedTuple):
    """A span as stored, in the order of `_COLUMNS`; ids in lower-case hexadecimal, times in nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str
    start: int
    duration: int
    service: str
    name: str
    kind: int
    status: int
    status_message: str
    adjusted_count: float
    resource: int
    scope_name: str
    scope_version: str
    scope_attributes: dict[str, str]
    scope_attributes_json: list[str]
    attributes: dict[str, str]
    attributes_json: list[str]
    events_time: list[int]
    events_name: list[str]
    events_attributes: list[dict[str, str]]
    events_attributes_json: list[list[str]]
    links_trace_id: list[str]
    links_span_id: list[str]
    links_trace_state: list[str]
    links_attributes: list[dict[str, str]]
    links_attributes_json: list[list[str]]


class Spans(NamedTuple):
    """Spans by start, and the attributes of their resources by id."""

    rows: list[SpanRow]
    resources: dict[int, JsonMap]


def hexadecimal(column: Expression) -> Call:
    """Bytes as lower-case hexadecimal text."""
    return call("lower", call("hex", column))


def identifiers(column: str, bytes: int, ids: Sequence[str]) -> Call:
    """`column` is one of these ids, given in hexadecimal."""
    # Each by itself: of an array that a function made, ClickHouse makes no set, and then uses no index.
    fixed = (call("toFixedString", call("unhex", text(each)), Number(bytes)) for each in ids)
    return call("in", Column(column), call("tuple", *fixed))


_HEX = ("trace_id", "span_id", "parent_id")
_HEX_LISTS = ("links_trace_id", "links_span_id")
_STORED = {"start": "time", "duration": "duration_ns"}


def _column(field: str) -> Alias:
    column: Expression = Column(_STORED.get(field, field))
    if field in _HEX:
        column = hexadecimal(column)
    elif field in _HEX_LISTS:
        column = call("arrayMap", Lambda("x", hexadecimal(Column("x"))), column)
    elif field == "start":
        column = nanoseconds(column)
    elif field == "events_time":
        column = call("arrayMap", Lambda("x", nanoseconds(Column("x"))), column)
    # The name must not hide the column from the predicate.
    return Alias(column, f"f_{field}")


_COLUMNS = tuple(_column(field) for field in SpanRow._fields)


async def extent(database: Database, tenant: str, trace_ids: Sequence[str]) -> Extent | None:
    """Where the rows of these traces are; None if none of them was ever seen."""
    days = [call("toUInt32", call(end, Column("day"))) for end in ("min", "max")]
    select = Select(
        (
            Alias(call("count"), "seen"),
            Alias(nanoseconds(call("min", Column("min_time"))), "first"),
            Alias(nanoseconds(call("max", Column("max_time"))), "last"),
            Alias(days[0], "first_day"),
            Alias(days[1], "last_day"),
        ),
        source("trace_index", tenant),
        where=(identifiers("trace_id", 16, trace_ids),),
    )
    ((seen, first, last, first_day, last_day),) = await database.rows(select)
    if not seen:
        return None
    # A span may be stored after its index row, when its trace is decided: at most a day later.
    return Extent(Range(first, last), Days(first_day, last_day + 1))


async def spans(
    database: Database, tenant: str, where: Extent, trace_ids: Sequence[str], span_ids: Sequence[str] = ()
) -> Spans:
    """All spans of these traces (or only those with these ids), by start; of one trace the first SPANS_A_TRACE."""
    conditions = [identifiers("trace_id", 16, trace_ids)]
    if span_ids:
        conditions.append(identifiers("span_id", 8, span_ids))
    select = Select(
        _COLUMNS,
        source("spans", tenant, where.range, where.days),
        where=tuple(conditions),
        order_by=tuple(Order(Column(column)) for column in ("time", "span_id")),
        limit_by=(SPANS_A_TRACE, (Column("trace_id"),)),
        limit=SPANS_A_QUERY + 1,
    )
    found = await database.rows(select, Reading.FEW if len(trace_ids) == 1 else Reading.ALL)
    if len(found) > SPANS_A_QUERY:
        raise LimitExceeded(f"these traces have more than {SPANS_A_QUERY} spans together: ask for fewer traces")
    rows = _without_copies(found)
    return Spans(rows, await resources(database, tenant, (row.resource for row in rows)))


def _without_copies(found: Sequence[Sequence[Any]]) -> list[SpanRow]:
    """A client's retry may be stored twice; one span id with other contents (Zipkin's shared spans) is two spans."""
    rows: dict[tuple[str, str, str, int, int, int, str], SpanRow] = {}
    for values in found:
        row = SpanRow(*values)
        rows.setdefault((row.trace_id, row.span_id, row.parent_id, row.start, row.duration, row.kind, row.name), row)
    return list(rows.values())
