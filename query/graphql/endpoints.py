"""Where applications send telemetry, as the operator says it."""

from __future__ import annotations

import strawberry

from otelhouse.config import QuerySettings


@strawberry.type(
    description="Public URLs of ingest; null where the server knows none: then the usual port of its own host. "
    "The hosts 0.0.0.0 and [::] stand for the server's own host."
)
class Endpoints:
    otlp_grpc: str | None = None
    otlp_http: str | None = None


def to_endpoints(settings: QuerySettings) -> Endpoints:
    return Endpoints(otlp_grpc=settings.otlp_grpc or None, otlp_http=settings.otlp_http or None)
