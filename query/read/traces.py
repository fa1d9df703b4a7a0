"""Which traces match, newest first, and what a list shows of each without loading its spans."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from query.database import Database
from query.errors import LimitExceeded
from query.plan.tree import Alias, Column, Expression, Number, Order, Param, Select, call, equals, text
from query.read.attributes import Match, carriers, filters, holds
from query.read.spans import Extent, hexadecimal, identifiers
from query.read.values import ZERO_SPAN
from query.source import Range, nanoseconds, source

_MAPS = ("attributes", "scope_attributes")
_ARRAYS = ("events_attributes", "links_attributes")

SPANS_A_SUMMARY = 200_000

_SHARE, _SHORTEST = 1024, 15 * 10**9
"""Of a range that is searched first; but spans are sorted by the minute: much less than one is read no faster."""
_STEP, _LEAST = 16, 2
"""Times as long is a slice as one without a match; as one with some, at least."""
_NEARLY = 4
"""A slice of this share of the range, or more, is not worth a query of its own."""


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What one span of a trace must fulfil, all of it. Durations in milliseconds, both bounds included."""

    range: Range
    service: str | None = None
    operation: str | None = None
    attributes: tuple[Match, ...] = ()
    status: int | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None


class TracePosition(NamedTuple):
    """Sort key of a list of traces: start of the trace, then its id, both descending."""

    start: int
    trace_id: str


async def matching_traces(
    database: Database, tenant: str, query: TraceQuery, limit: int, after: TracePosition | None
) -> list[TracePosition]:
    """The newest `limit` traces, after a position if one is given, that have a span which fulfils the query.

    A trace's start is that of its earliest span, of those that came in windows which touch the range.
    """
    conditions, filtered = await _conditions(database, tenant, query)
    whole = query.range.end - query.range.start
    newest = query.range.end if after is None else min(query.range.end, after.start)
    length = max(whole // _SHARE, _SHORTEST)
    while True:
        oldest = max(newest - length, query.range.start)
        select = _page(tenant, query, conditions, limit, after, oldest)
        found = [TracePosition(*row) for row in await database.rows(select)]
        if len(found) >= limit or oldest == query.range.start:
            return found
        length = _longer(length, whole, limit, len(found), filtered)


def _longer(length: int, whole: int, limit: int, found: int, filtered: bool) -> int:
    """Length of the slice at the range's end to search after one that held only so many.

    No span of a trace lies before its start: so the traces that start within a slice are all found among the slice's
    spans, and most pages are full before the whole range was read.
    """
    unseen = whole if filtered else _STEP * length
    longer = 2 * length * limit // found if found else unseen
    return whole if longer > whole // _NEARLY else max(longer, _LEAST * length)


def _page(
    tenant: str,
    query: TraceQuery,
    conditions: Sequence[Expression],
    limit: int,
    after: TracePosition | None,
    oldest: int,
) -> Select:
    having: list[Expression] = []
    if oldest > query.range.start:
        having.append(call("greaterOrEquals", Column("start"), Param("Int64", oldest)))
    if after is not None:
        position = call("tuple", Column("start"), Column("id"))
        having.append(call("less", position, call("tuple", Param("Int64", after.start), text(after.trace_id))))
    matching = Select(
        (Alias(Column("trace_id"), "matching_id"),),
        source("spans", tenant, Range(oldest, query.range.end)),
        where=tuple(conditions),
        distinct=True,
    )
    return Select(
        (Alias(nanoseconds(call("min", Column("min_time"))), "start"), Alias(hexadecimal(Column("trace_id")), "id")),
        source("trace_index", tenant, query.range),
        where=(call("in", Column("trace_id"), matching),),
        group_by=(Column("trace_id"),),
        having=tuple(having),
        order_by=(Order(Column("start"), descending=True), Order(Column("id"), descending=True)),
        limit=limit,
    )


async def _conditions(database: Database, tenant: str, query: TraceQuery) -> tuple[list[Expression], bool]:
    """The conditions, and whether the filter of attributes spares the reading of what does not match."""
    carrying = await asyncio.gather(*(carriers(database, tenant, match) for match in query.attributes))
    attributes = [
        holds(match, _MAPS, _ARRAYS, found, filtered=True)
        for match, found in zip(query.attributes, carrying, strict=True)
    ]
    return [*_own(query), *attributes], any(map(filters, query.attributes, carrying))


def _own(query: TraceQuery) -> Iterable[Expression]:
    """Conditions on the span itself."""
    if query.service is not None:
        yield equals(Column("service"), text(query.service))
    if query.operation is not None:
        yield equals(Column("name"), text(query.operation))
    if query.status is not None:
        yield equals(Column("status"), Number(query.status))
    if query.min_duration_ms is not None:
        yield call("greaterOrEquals", Column("duration_ns"), Param("Float64", query.min_duration_ms * 1e6))
    if query.max_duration_ms is not None:
        yield call("lessOrEquals", Column("duration_ns"), Param("Float64", query.max_duration_ms * 1e6))


@dataclass(slots=True)
class Summary:
    """A trace at a glance. Times in nanoseconds; `root` is the span id of its root."""

    start: int
    end: int
    root: str
    spans: int = 0
    errors: int = 0
    services: dict[str, None] = field(default_factory=dict)


class _Lean(NamedTuple):
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    service: str
    status: int


async def summaries(database: Database, tenant: str, where: Extent, trace_ids: Sequence[str]) -> dict[str, Summary]:
    """Summaries by trace id; a trace without stored spans is left out."""
    time = nanoseconds(Column("time"))
    select = Select(
        (
            Alias(hexadecimal(Column("trace_id")), "f_trace"),
            Alias(hexadecimal(Column("span_id")), "f_span"),
            Alias(hexadecimal(Column("parent_id")), "f_parent"),
            Alias(time, "f_start"),
            Alias(call("plus", time, Column("duration_ns")), "f_end"),
            Alias(Column("service"), "f_service"),
            Alias(Column("status"), "f_status"),
        ),
        source("spans", tenant, where.range, where.days),
        where=(identifiers("trace_id", 16, trace_ids),),
        order_by=tuple(Order(Column(column)) for column in ("time", "span_id")),
        limit=SPANS_A_SUMMARY + 1,
    )
    found = await database.rows(select)
    if len(found) > SPANS_A_SUMMARY:
        raise LimitExceeded(f"these traces have more than {SPANS_A_SUMMARY} spans together: ask for fewer traces")
    traces: dict[str, list[_Lean]] = {}
    for row in dict.fromkeys(map(tuple, found)):
        traces.setdefault(row[0], []).append(_Lean(*row))
    return {trace_id: summarize(spans) for trace_id, spans in traces.items()}


def summarize(spans: Sequence[_Lean]) -> Summary:
    """Of a trace's spans by start. The root has no parent; else its parent is not in the trace; else it is first."""
    ids = {span.span_id for span in spans}
    orphans = (span for span in spans if span.parent_id not in ids)
    root = next((span for span in spans if span.parent_id == ZERO_SPAN), None) or next(orphans, spans[0])
    summary = Summary(start=spans[0].start, end=max(span.end for span in spans), root=root.span_id)
    for span in spans:
        summary.spans += 1
        summary.errors += span.status == 2
        summary.services[span.service] = None
    return summary
