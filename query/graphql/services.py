"""A service as a client sees it."""

from __future__ import annotations

import strawberry

from query.read.services import ServiceRow


@strawberry.type(description="Of the spans by which requests enter the service, each counted for those it stands for.")
class Service:
    name: str
    request_rate: float = strawberry.field(description="Requests per second.")
    error_rate: float = strawberry.field(description="Share of requests that failed, 0 to 1.")
    p50_ms: float
    p95_ms: float
    p99_ms: float


def to_service(row: ServiceRow) -> Service:
    return Service(name=row.name, **row.red._asdict())
