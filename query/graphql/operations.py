"""An operation of a service as a client sees it."""

from __future__ import annotations

import strawberry

from query.graphql.scalars import JSON
from query.graphql.spans import to_kind
from query.read.operations import OperationRow


@strawberry.type(description="Of spans of one name and kind, each counted for those it stands for, before sampling.")
class Operation:
    name: str
    kind: str = strawberry.field(description="INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER or UNSPECIFIED.")
    dimensions: JSON = strawberry.field(description="Values of the dimensions asked for; those it lacks are left out.")
    request_rate: float = strawberry.field(description="Requests per second.")
    error_rate: float = strawberry.field(description="Share of requests that failed, 0 to 1.")
    p50_ms: float
    p95_ms: float
    p99_ms: float


def to_operation(row: OperationRow) -> Operation:
    return Operation(name=row.name, kind=to_kind(row.kind), dimensions=JSON(row.dimensions), **row.red._asdict())
