"""Typed settings: defaults < file (TOML) < environment (OTELHOUSE_SECTION_FIELD) < flags."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(_Section):
    """The log. `url`: `embedded:DIRECTORY` or `kafka://host:port[,host:port...]`."""

    url: str = "kafka://127.0.0.1:9092"
    partitions: int = Field(default=4, ge=1, le=1024)
    retention_hours: float = Field(default=24.0, gt=0)
    retention_bytes: int = Field(default=8 << 30, ge=1 << 20)
    delivery_timeout_seconds: float = Field(default=10.0, gt=0)


class ClickHouseSettings(_Section):
    """ClickHouse over HTTP. With `cluster`, tables are replicated and distributed on that cluster."""

    url: str = "http://127.0.0.1:8123"
    database: str = "otelhouse"
    user: str = "default"
    password: SecretStr = SecretStr("")
    cluster: str = ""


class PostgresSettings(_Section):
    """The metadata store, as a libpq connection string."""

    url: SecretStr = SecretStr("postgresql://otelhouse@127.0.0.1:5432/otelhouse")


class IngestSettings(_Section):
    """OTLP receivers."""

    otlp_grpc: str = "127.0.0.1:4317"
    otlp_http: str = "127.0.0.1:4318"
    max_request_bytes: int = Field(default=64 << 20, ge=1024)


class ProcessorSettings(_Section):
    """The processors of the log."""

    admin: str = "127.0.0.1:9464"
    group: str = "otelhouse-processor"
    window_seconds: float = Field(default=5.0, gt=0)
    window_rows: int = Field(default=50_000, ge=1)


class QuerySettings(_Section):
    """The query service and the dashboard."""

    http: str = "127.0.0.1:8080"


class TelemetrySettings(_Section):
    """What we say of ourselves. `otlp_endpoint`: send our own telemetry there (empty: do not)."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    otlp_endpoint: str = ""


class Settings(_Section):
    """All settings of all components."""

    data: Path = Path("data")
    log: LogSettings = LogSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    postgres: PostgresSettings = PostgresSettings()
    ingest: IngestSettings = IngestSettings()
    processor: ProcessorSettings = ProcessorSettings()
    query: QuerySettings = QuerySettings()
    telemetry: TelemetrySettings = TelemetrySettings()
