"""Typed settings of all components, with their defaults. Where they come from: `otelhouse/config_sources.py`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from otelhouse.address import parse_address


def _listen_address(text: str) -> str:
    return str(parse_address(text))


def _log_url(text: str) -> str:
    if not text.startswith(("embedded:", "kafka://")) or text in ("embedded:", "kafka://"):
        raise ValueError("must be embedded:DIRECTORY or kafka://HOST:PORT[,HOST:PORT...]")
    return text


def _http_url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return text


def _origins(text: str) -> str:
    origins = [origin.strip() for origin in text.split(",") if origin.strip()]
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/,\s*]+", origin):
            raise ValueError("must be * or origins as a browser names them, with commas: https://shop.example:8443")
    return ",".join(origins)


def _clickhouse_url(text: str) -> str:
    if "@" in text:  # would be ignored, and shown wherever we say which server we mean
        raise ValueError("must hold no user and password: set clickhouse.user and clickhouse.password")
    return _http_url(text)


def _postgres_url(secret: SecretStr) -> SecretStr:
    from psycopg import ProgrammingError  # not at every start: the default needs no check
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(secret.get_secret_value())
    except ProgrammingError:  # its text may quote the password
        raise ValueError(
            "must be a PostgreSQL connection string: postgresql://USER@HOST:PORT/DATABASE, or host=HOST dbname=DATABASE"
        ) from None
    return secret


ListenAddress = Annotated[str, AfterValidator(_listen_address)]
LogUrl = Annotated[str, AfterValidator(_log_url)]
Origins = Annotated[str, AfterValidator(_origins)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
ClickHouseUrl = Annotated[str, AfterValidator(_clickhouse_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(_Section):
    """The log. `url`: `embedded:DIRECTORY` or `kafka://host:port[,host:port...]`."""

    url: LogUrl = "kafka://127.0.0.1:9092"
    partitions: int = Field(default=4, ge=1, le=1024)
    retention_hours: float = Field(default=24.0, gt=0)
    retention_bytes: int = Field(default=8 << 30, ge=1 << 20)
    delivery_timeout_seconds: float = Field(default=10.0, gt=0)
    compression: Literal["none", "lz4", "zstd"] = "lz4"


class ClickHouseSettings(_Section):
    """ClickHouse over HTTP. With `cluster`, tables are replicated and distributed on that cluster."""

    url: ClickHouseUrl = "http://127.0.0.1:8123"
    database: str = "otelhouse"
    user: str = "default"
    password: SecretStr = SecretStr("")
    cluster: str = ""


class PostgresSettings(_Section):
    """The metadata store, as a libpq connection string."""

    url: PostgresUrl = SecretStr("postgresql://otelhouse@127.0.0.1:5432/otelhouse")


class TlsSettings(_Section):
    """TLS of a listener; off without a certificate. Files in PEM; with `tls_client_ca` clients show theirs."""

    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    tls_client_auth: Literal["required", "optional"] = "required"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self


class IngestSettings(TlsSettings):
    """OTLP receivers."""

    otlp_grpc: ListenAddress = "127.0.0.1:4317"
    otlp_http: ListenAddress = "127.0.0.1:4318"
    max_request_bytes: int = Field(default=64 << 20, ge=1024)
    max_inflation_ratio: int = Field(default=1000, ge=10)
    cors_origins: Origins = ""
    max_connections: int = Field(default=20_000, ge=1)
    max_concurrent_streams: int = Field(default=1000, ge=1)
    max_header_bytes: int = Field(default=32 << 10, ge=4 << 10, le=1 << 20)
    header_timeout_seconds: float = Field(default=10.0, gt=0)
    request_timeout_seconds: float = Field(default=120.0, gt=0)
    idle_timeout_seconds: float = Field(default=600.0, gt=0)
    max_connection_age_seconds: float = Field(default=0.0, ge=0)
    max_connection_age_grace_seconds: float = Field(default=30.0, gt=0)
    limit_bytes_per_second: float = Field(default=0.0, ge=0)
    limit_items_per_second: float = Field(default=0.0, ge=0)
    limit_burst_seconds: float = Field(default=10.0, ge=0.1, le=3600)
    limit_concurrent_requests: int = Field(default=0, ge=0)
    degrade: bool = True
    degrade_queue: float = Field(default=0.8, gt=0, le=1)
    degrade_memory: float = Field(default=0.85, gt=0, le=1)
    degrade_cpu: float = Field(default=0.95, gt=0, le=1)
    memory_limit_bytes: int = Field(default=0, ge=0)


class MaskingSettings(_Section):
    """What the tenant `default` masks from the start on. Empty: what its rule says, else the profile `default`."""

    profile: Literal["", "off", "default", "all"] = ""


class SamplingSettings(_Section):
    """What the tenant `default` tail-samples by from the start on: a YAML file. Empty: what its rule says."""

    policy_file: str = ""


class RecordingSettings(_Section):
    """What the tenant `default` records from the start on: a Prometheus rule file. Empty: what its rule says."""

    rules_file: str = ""


class ProcessorSettings(_Section):
    """The processors of the log."""

    admin: ListenAddress = "127.0.0.1:9464"
    group: str = "otelhouse-processor"
    window_seconds: float = Field(default=5.0, gt=0)
    window_rows: int = Field(default=50_000, ge=1)
    edge_seconds: float = Field(default=10.0, ge=0.1, le=300)
    buffer_bytes: int = Field(default=512 << 20, ge=16 << 20)


class QuerySettings(TlsSettings):
    """The query service and the dashboard. `otlp_...`: ingest's endpoints as users reach them (empty: unknown)."""

    http: ListenAddress = "127.0.0.1:8080"
    otlp_grpc: HttpUrl = ""
    otlp_http: HttpUrl = ""


class PromQLSettings(_Section):
    """What one PromQL query of a tenant may take, by the Prometheus API or GraphQL; over it, it is refused."""

    lookback_seconds: float = Field(default=300.0, gt=0)
    timeout_seconds: float = Field(default=120.0, gt=0)
    max_series: int = Field(default=500_000, ge=1)
    max_samples: int = Field(default=50_000_000, ge=1)
    max_steps: int = Field(default=11_000, ge=1)
    concurrent_queries: int = Field(default=10, ge=1)
    slow_seconds: float = Field(default=10.0, ge=0)
    shadow_share: float = Field(default=0.0, ge=0, le=1)
    experimental: bool = False


class TelemetrySettings(_Section):
    """What we say of ourselves. `otlp_endpoint`: send our own telemetry there (empty: do not)."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    otlp_endpoint: HttpUrl = ""


class Settings(_Section):
    """All settings of all components."""

    data: Path = Path("data")
    log: LogSettings = LogSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    postgres: PostgresSettings = PostgresSettings()
    ingest: IngestSettings = IngestSettings()
    masking: MaskingSettings = MaskingSettings()
    sampling: SamplingSettings = SamplingSettings()
    recording: RecordingSettings = RecordingSettings()
    processor: ProcessorSettings = ProcessorSettings()
    query: QuerySettings = QuerySettings()
    promql: PromQLSettings = PromQLSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
