"""`otelhouse ingest` as a process, on real sockets and a real embedded log; and a way to read what it wrote."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from otelhouse.bus import open_log
from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import IngestSettings, LogSettings, PostgresSettings, Settings
from otelhouse.errors import StartupError
from schema.signal import Signal
from tests.support.components import Component, ComponentError, start

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
"""A PostgreSQL that is down."""

_REQUESTS = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
}


def decode(signal: Signal, value: bytes) -> Message:
    """A request by the official library. Raises google.protobuf.message.DecodeError."""
    message: Message = _REQUESTS[signal].FromString(value)
    return message


@dataclass
class RunningIngest:
    """A running ingest: host:port of its listeners, its settings, its process."""

    otlp_grpc: str
    otlp_http: str
    settings: Settings
    process: Component

    def records(self, signal: Signal) -> list[Record]:
        """All records of the signal's topic now, in order within each partition."""
        log = open_log(self.settings.log, SystemClock())
        consumer = log.consumer(f"test-{time.monotonic_ns()}")
        partitions: list[TopicPartition] = []
        found: list[Record] = []
        try:
            consumer.subscribe([signal.topic], partitions.extend, lambda _: None)
            deadline = time.monotonic() + 10
            while not partitions or any(consumer.position(p) < consumer.end(p) for p in partitions):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"cannot read {signal.topic}: {partitions}")
                if read := consumer.poll(0.05):
                    found += read
                    deadline = time.monotonic() + 10
        finally:
            consumer.close()
            log.close()
        return found


@contextmanager
def running_ingest(
    directory: Path,
    postgres_url: str = NOWHERE,
    log_url: str = "",
    grpc: str = "127.0.0.1:0",
    http: str = "127.0.0.1:0",
    max_request_bytes: int = 64 << 20,
    **ingest: object,
) -> Iterator[RunningIngest]:
    """Start it, yield it, drain it. Raises StartupError if it says that it cannot start.

    `log_url`: an embedded log in `directory` unless given; `ingest`: further settings of that section.
    """
    # A busy machine shall not make ingest shed what a test counts.
    given = {"otlp_grpc": grpc, "otlp_http": http, "max_request_bytes": max_request_bytes, "degrade": False, **ingest}
    given = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    settings = Settings(
        log=LogSettings(url=log_url or f"embedded:{directory / 'log'}", delivery_timeout_seconds=3),
        postgres=PostgresSettings(url=SecretStr(postgres_url)),
        ingest=IngestSettings.model_validate(given),
    )
    environment = {
        "OTELHOUSE_LOG_URL": settings.log.url,
        "OTELHOUSE_LOG_DELIVERY_TIMEOUT_SECONDS": "3",
        "OTELHOUSE_POSTGRES_URL": postgres_url,
        **{f"OTELHOUSE_INGEST_{name.upper()}": _text(value) for name, value in given.items()},
    }
    try:
        process = start(["ingest"], environment)
    except ComponentError as error:
        if reason := re.search(r"^otelhouse: error: (.*)$", str(error), re.MULTILINE):
            raise StartupError(reason[1]) from None
        raise
    try:
        yield RunningIngest(process.ready["otlp_grpc"], process.ready["otlp_http"], settings, process)
    finally:
        code = process.stop()
    if code:
        raise ComponentError(f"ingest ended with {code}:\n{''.join(process.log[-20:])}")


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, list | tuple | bool) else str(value)
