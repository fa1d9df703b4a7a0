"""An operation of a service as a client sees it."""

from __future__ import annotations

import strawberry

from query.graphql.inputs import to_page
from query.graphql.scalars import JSON, DateTime
from query.graphql.spans import StatusCode, to_kind
from query.graphql.traces import Info
from query.read.operations import OperationRow
from query.read.red_exemplars import Asked, ExemplarRow
from query.source import Range


@strawberry.type(description="A stored span of an operation: a trace to look at.")
class SpanExemplar:
    time: DateTime = strawberry.field(description="The span's start.")
    duration_ms: float
    trace_id: strawberry.ID
    span_id: strawberry.ID
    status: StatusCode


@strawberry.type(description="Of spans of one name and kind, each counted for those it stands for, before sampling.")
class Operation:
    service: strawberry.Private[str]
    instants: strawberry.Private[Range]
    kind_number: strawberry.Private[int]

    name: str
    kind: str = strawberry.field(description="INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER or UNSPECIFIED.")
    dimensions: JSON = strawberry.field(description="Values of the dimensions asked for; those it lacks are left out.")
    request_rate: float = strawberry.field(description="Requests per second.")
    error_rate: float = strawberry.field(description="Share of requests that failed, 0 to 1.")
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @strawberry.field(
        description="The slowest stored spans of this name and kind in the range, of each window of the log and each "
        "status one at most, whatever their dimensions."
    )
    async def exemplars(self, info: Info, first: int | None = 5) -> list[SpanExemplar]:
        asked = Asked(self.service, self.instants, to_page(first, 5))
        found = await info.context.loaders.red_exemplars(asked)
        return [_to_exemplar(each) for each in found.get((self.name, self.kind_number), ())]


def to_operation(row: OperationRow, service: str, instants: Range) -> Operation:
    """Of a service, in what the range asked for touches."""
    return Operation(
        service=service,
        instants=instants,
        kind_number=row.kind,
        name=row.name,
        kind=to_kind(row.kind),
        dimensions=JSON(row.dimensions),
        **row.red._asdict(),
    )


def _to_exemplar(found: ExemplarRow) -> SpanExemplar:
    return SpanExemplar(
        time=DateTime(found.time),
        duration_ms=found.duration / 1e6,
        trace_id=strawberry.ID(found.trace_id),
        span_id=strawberry.ID(found.span_id),
        status=StatusCode(found.status),
    )
