"""Ingest inside the test's process, on real sockets and a real embedded log; and a way to read what it wrote."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.main import run
from otelhouse.bus import open_log
from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import IngestSettings, LogSettings, PostgresSettings, Settings
from schema.signal import Signal

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
    """A running ingest: host:port of its listeners, and its settings."""

    otlp_grpc: str
    otlp_http: str
    settings: Settings

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
                found += consumer.poll(0.05)
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
) -> Iterator[RunningIngest]:
    """Start ingest in a thread, yield it, drain it. `log_url`: an embedded log in `directory` unless given."""
    settings = Settings(
        log=LogSettings(url=log_url or f"embedded:{directory / 'log'}", delivery_timeout_seconds=3),
        postgres=PostgresSettings(url=postgres_url),
        ingest=IngestSettings(otlp_grpc=grpc, otlp_http=http, max_request_bytes=max_request_bytes),
    )
    stop, serves = threading.Event(), threading.Event()
    bound: dict[str, str] = {}
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            run(settings, SystemClock(), stop, lambda addresses: (bound.update(addresses), serves.set())[1])
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failed.append(error)
            serves.set()

    thread = threading.Thread(target=serve, name="ingest")
    thread.start()
    try:
        if not serves.wait(30):
            raise TimeoutError("ingest did not get ready")
        if failed:
            raise failed[0]
        yield RunningIngest(bound["otlp_grpc"], bound["otlp_http"], settings)
    finally:
        stop.set()
        thread.join(15)
    if thread.is_alive():
        raise TimeoutError("ingest did not drain")
    if failed:
        raise failed[0]
