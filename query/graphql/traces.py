"""Traces as a client sees them: what a list needs comes at once, spans and logs when they are asked for."""

from __future__ import annotations

import strawberry

from query import cursor
from query.graphql.context import Context
from query.graphql.logs import LogRecord
from query.graphql.paging import PageInfo
from query.graphql.sampling import SamplingDecision
from query.graphql.scalars import DateTime
from query.graphql.spans import Span
from query.read.spans import SPANS_A_TRACE
from query.read.traces import Summary, TracePosition, TraceQuery, matching_traces, summaries

Info = strawberry.Info[Context, None]


@strawberry.type
class Trace:
    summary: strawberry.Private[Summary]

    id: strawberry.ID
    start: DateTime
    duration_ms: float = strawberry.field(description="From the start of the first span to the end of the last.")
    span_count: int
    error_count: int
    services: list[str] = strawberry.field(description="In the order of their first spans.")

    @strawberry.field(description="The span without a parent; else the first whose parent is not in the trace.")
    async def root(self, info: Info) -> Span | None:
        return await info.context.loaders.span(self.id, self.summary.root)

    @strawberry.field(description=f"By start; the first {SPANS_A_TRACE} (spanCount says how many there are).")
    async def spans(self, info: Info) -> list[Span]:
        return await info.context.loaders.spans(self.id)

    @strawberry.field(description="Log records that name the trace, by time; the first 1000.")
    async def logs(self, info: Info) -> list[LogRecord]:
        return await info.context.loaders.logs(self.id)

    @strawberry.field(description="What tail sampling decided of the trace, and why.")
    async def decision(self, info: Info) -> SamplingDecision | None:
        return await info.context.loaders.decision(self.id)


@strawberry.type
class TraceEdge:
    node: Trace
    cursor: str


@strawberry.type
class TraceConnection:
    edges: list[TraceEdge]
    page_info: PageInfo


async def one_trace(context: Context, trace_id: str) -> Trace | None:
    """The trace, or None if nothing of it is stored. Raises QueryError."""
    found = await _load(context, [trace_id])
    return found.get(trace_id)


async def trace_page(context: Context, query: TraceQuery, first: int, after: str | None) -> TraceConnection:
    """One page, newest first. Raises QueryError."""
    position = None
    if after is not None:
        start, trace_id = cursor.decode("traces", after, int, str)
        position = TracePosition(int(start), str(trace_id))
    positions = await matching_traces(context.database, context.tenant, query, first + 1, position)
    page = positions[:first]
    traces = await _load(context, [position.trace_id for position in page])
    edges = [
        TraceEdge(node=traces[position.trace_id], cursor=cursor.encode("traces", *position))
        for position in page
        if position.trace_id in traces
    ]
    end = [cursor.encode("traces", *position) for position in page[-1:]]
    return TraceConnection(edges=edges, page_info=PageInfo.of(end, len(positions) > first))


async def _load(context: Context, trace_ids: list[str]) -> dict[str, Trace]:
    where = await context.loaders.extent(trace_ids) if trace_ids else None
    if where is None:
        return {}
    found = await summaries(context.database, context.tenant, where, trace_ids)
    return {trace_id: _to_trace(trace_id, summary) for trace_id, summary in found.items()}


def _to_trace(trace_id: str, summary: Summary) -> Trace:
    return Trace(
        summary=summary,
        id=strawberry.ID(trace_id),
        start=DateTime(summary.start),
        duration_ms=(summary.end - summary.start) / 1e6,
        span_count=summary.spans,
        error_count=summary.errors,
        services=list(summary.services),
    )
