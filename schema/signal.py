"""The three OTLP signals and what each is called on the wire and in the log."""

from __future__ import annotations

from enum import IntEnum

_GRPC_SERVICES = ("trace.v1.TraceService", "metrics.v1.MetricsService", "logs.v1.LogsService")


class Signal(IntEnum):
    """A telemetry signal."""

    TRACES = 0
    METRICS = 1
    LOGS = 2

    @property
    def topic(self) -> str:
        """Topic of the log that carries this signal."""
        return f"telemetry.{self.name.lower()}"

    @property
    def http_path(self) -> str:
        """OTLP/HTTP path (OTLP 1.x, "OTLP/HTTP Request")."""
        return f"/v1/{self.name.lower()}"

    @property
    def grpc_method(self) -> str:
        """Full gRPC method name of the signal's collector service (OTLP 1.x, "OTLP/gRPC")."""
        return f"/opentelemetry.proto.collector.{_GRPC_SERVICES[self]}/Export"

    @classmethod
    def of_topic(cls, topic: str) -> Signal:
        """The signal whose topic this is. Raises KeyError for any other topic."""
        return cls[topic.removeprefix("telemetry.").upper()]
