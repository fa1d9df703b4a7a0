"""Which traces match, newest first, and what a list shows of each without loading its spans."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from query.database import Database, Reading
from query.errors import LimitExceeded
from query.plan.tree import Alias, Column, Expression, Number, Order, Param, Select, call, equals, text
from query.read.attributes import Match, carriers, filters, holds
from query.read.spans import Extent, hexadecimal, identifiers
from query.read.values import ZERO_SPAN
from query.source import Range, nanoseconds, source

_MAPS = ("attributes", "scope_attributes")
_ARRAYS = ("events_attributes", "links_attributes")

SPANS_A_SUMMARY = 200_000

_AHEAD = 2
"""Traces that are looked at for each that is wanted: some that match last did not start last."""
_PAGED, _MORE = 8, 8
"""Times as many on a page after the first, whose traces lie behind others; and where so many were not enough."""
_MOST = 10_000
"""Of traces that are looked at newest first; beyond, all that match are read at once."""
_SHARE = 16
"""Of a range is read first where no filter spares the reading of what does not match."""


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


class _Seen(NamedTuple):
    """A trace that has a span which matches; `last`: when its latest span began, or later. Nanoseconds."""

    start: int
    trace_id: str
    last: int


@dataclass(frozen=True, slots=True)
class _Look:
    """From `oldest` to the range's end, for the `most` traces that matched last; None: for all."""

    oldest: int
    most: int | None

    @property
    def reading(self) -> Reading:
        """How it is read."""
        return Reading.ALL if self.most is None else Reading.IN_ORDER

    def full(self, seen: Sequence[_Seen]) -> bool:
        """Whether there may be more in there than were looked for."""
        return self.most is not None and len(seen) >= self.most

    def settled(self, seen: Sequence[_Seen]) -> int:
        """A time: every trace that matches and started after it is among those seen."""
        if self.most is None or len(seen) < self.most:
            return self.oldest - 1
        # Those not seen matched before so many others did. It is not simply the first of all these: on a cluster each
        # shard looks for so many, and the newest of one may be older than the oldest of another.
        return sorted((each.last for each in seen), reverse=True)[self.most - 1]


async def matching_traces(
    database: Database, tenant: str, query: TraceQuery, limit: int, after: TracePosition | None
) -> list[TracePosition]:
    """The newest `limit` traces, after a position if one is given, that have a span which fulfils the query.

    A trace's start is that of its earliest span, of those that came in windows which touch the range.
    """
    conditions, filtered = await _conditions(database, tenant, query)
    first, end = query.range.start, query.range.end
    oldest = first if filtered else max(first, end - (end - first) // _SHARE)
    look = _Look(oldest, _AHEAD * limit * (1 if after is None else _PAGED))
    while True:
        select = _page(tenant, query, conditions, limit, after, look)
        seen = [_Seen(*row) for row in await database.rows(select, look.reading)]
        complete = look.oldest == first and not look.full(seen)
        settled = look.settled(seen)
        positions = (TracePosition(each.start, each.trace_id) for each in seen if complete or each.start > settled)
        found = [position for position in positions if after is None or position < after]
        if complete or len(found) >= limit:
            return found[:limit]
        look = _next(look, seen, first)


def _next(look: _Look, seen: Sequence[_Seen], first: int) -> _Look:
    """Where to look after that was not enough: for more, or back to the range's beginning."""
    if look.full(seen):
        most = _MORE * (look.most or 0)
        return _Look(look.oldest, most) if most <= _MOST else _Look(first, None)
    # Where so few match that all of the range has to be read, all processors may read it.
    return _Look(first, look.most if _SHARE * len(seen) >= (look.most or 0) else None)


def _page(
    tenant: str,
    query: TraceQuery,
    conditions: Sequence[Expression],
    limit: int,
    after: TracePosition | None,
    look: _Look,
) -> Select:
    """Traces that match, newest first. All that were looked for, or of all that match those of the page."""
    matching = Select(
        (Alias(Column("trace_id"), "matching_id"),),
        source("spans", tenant, Range(look.oldest, query.range.end)),
        where=tuple(conditions),
    )
    having: list[Expression] = []
    if look.most is None:
        matching = replace(matching, distinct=True)
        if after is not None:
            position = call("tuple", Column("start"), Column("id"))
            having.append(call("less", position, call("tuple", Param("Int64", after.start), text(after.trace_id))))
    else:
        # Spans lie in the order of the minute, so the newest are read first, and no more than are wanted.
        newest = (call("toStartOfMinute", Column("time")), Column("time"))
        matching = replace(
            matching,
            order_by=tuple(Order(each, descending=True) for each in newest),
            limit_by=(1, (Column("trace_id"),)),
            limit=look.most,
        )
    return Select(
        (
            Alias(nanoseconds(call("min", Column("min_time"))), "start"),
            Alias(hexadecimal(Column("trace_id")), "id"),
            Alias(nanoseconds(call("max", Column("max_time"))), "last"),
        ),
        source("trace_index", tenant, query.range),
        where=(call("in", Column("trace_id"), matching),),
        group_by=(Column("trace_id"),),
        having=tuple(having),
        order_by=(Order(Column("start"), descending=True), Order(Column("id"), descending=True)),
        limit=limit if look.most is None else None,
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
