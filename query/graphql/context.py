"""What a request's resolvers share: who asks, where to look, and what was loaded already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from strawberry.dataloader import DataLoader

from otelhouse.clock import Clock
from query.database import Database
from query.graphql.endpoints import Endpoints
from query.graphql.logs import LogRecord, to_logs
from query.graphql.sampling import SamplingDecision, to_decision
from query.graphql.spans import Span, to_spans
from query.promql.run import Expressions
from query.read.decisions import decisions
from query.read.logs import Logs, logs_of_traces
from query.read.red_exemplars import Asked, OfOperations, red_exemplars
from query.read.spans import Extent, Spans, extent, spans


class Loaders:
    """Loads for all traces of a page together, once a request."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant
        self._extents: dict[frozenset[str], Extent | None] = {}
        self._spans = DataLoader[str, list[Span]](load_fn=self._load_spans)
        self._span = DataLoader[tuple[str, str], Span | None](load_fn=self._load_span)
        self._decision = DataLoader[str, SamplingDecision | None](load_fn=self._load_decisions)
        self._red_exemplars = DataLoader[Asked, OfOperations](load_fn=self._load_red_exemplars)
        self._logs = DataLoader[str, list[LogRecord]](load_fn=self._load_logs)

    async def extent(self, trace_ids: Sequence[str]) -> Extent | None:
        """Where these traces lie; None if none of them was seen."""
        key = frozenset(trace_ids)
        if key not in self._extents:
            self._extents[key] = await extent(self._database, self._tenant, trace_ids)
        return self._extents[key]

    async def spans(self, trace_id: str) -> list[Span]:
        return await self._spans.load(trace_id)

    async def span(self, trace_id: str, span_id: str) -> Span | None:
        return await self._span.load((trace_id, span_id))

    async def logs(self, trace_id: str) -> list[LogRecord]:
        return await self._logs.load(trace_id)

    async def decision(self, trace_id: str) -> SamplingDecision | None:
        return await self._decision.load(trace_id)

    async def red_exemplars(self, asked: Asked) -> OfOperations:
        return await self._red_exemplars.load(asked)

    async def _load_red_exemplars(self, asked: list[Asked]) -> list[OfOperations]:
        return [await red_exemplars(self._database, self._tenant, each) for each in asked]

    async def _load_decisions(self, trace_ids: list[str]) -> list[SamplingDecision | None]:
        found = await decisions(self._database, self._tenant, trace_ids)
        return [to_decision(found[each]) if each in found else None for each in trace_ids]

    async def _load_spans(self, trace_ids: list[str]) -> list[list[Span]]:
        grouped: dict[str, list[Span]] = {trace_id: [] for trace_id in trace_ids}
        for span in to_spans(await self._read_spans(trace_ids)):
            grouped[span.trace_id].append(span)
        return list(grouped.values())

    async def _load_span(self, keys: list[tuple[str, str]]) -> list[Span | None]:
        trace_ids, span_ids = ([*dict.fromkeys(part)] for part in zip(*keys, strict=True))
        found: dict[tuple[str, str], Span] = {}
        for span in to_spans(await self._read_spans(trace_ids, span_ids)):
            found.setdefault((span.trace_id, span.span_id), span)
        return [found.get(key) for key in keys]

    async def _read_spans(self, trace_ids: Sequence[str], span_ids: Sequence[str] = ()) -> Spans:
        where = await self.extent(trace_ids)
        if where is None:
            return Spans([], {})
        return await spans(self._database, self._tenant, where, trace_ids, span_ids)

    async def _load_logs(self, trace_ids: list[str]) -> list[list[LogRecord]]:
        grouped: dict[str, list[LogRecord]] = {trace_id: [] for trace_id in trace_ids}
        where = await self.extent(trace_ids)
        if where is not None:
            found: Logs = await logs_of_traces(self._database, self._tenant, where.days, trace_ids)
            for row, record in zip(found.rows, to_logs(found), strict=True):
                grouped[row.trace_id].append(record)
        return list(grouped.values())


@dataclass(slots=True)
class Context:
    """One request's."""

    database: Database
    tenant: str
    clock: Clock
    endpoints: Endpoints
    expressions: Expressions
    operation_name: str | None = None
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.database, self.tenant)
