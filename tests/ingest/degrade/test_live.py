"""A running ingest under pressure: it sheds, and says so on /metrics."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.requests import logs
from tests.support.ingest import decode, running_ingest


def _metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as response:
        text = response.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_it_sheds_debug_logs_where_memory_is_short(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url, memory_limit_bytes=1 << 20, degrade=True) as running:
        until = time.monotonic() + 10
        while not _metric(running.otlp_http, "otelhouse_ingest_degrade_level"):
            assert time.monotonic() < until
            time.sleep(0.1)
        records = [LogRecord(severity_number=n, body=AnyValue(int_value=n)) for n in (5, 17)]
        body = logs(*records).SerializeToString()
        GrpcClient(running.otlp_grpc).export(body, Signal.LOGS.grpc_method)
        (record,) = running.records(Signal.LOGS)
        sent = decode(Signal.LOGS, record.value).resource_logs[0].scope_logs[0].log_records  # type: ignore[attr-defined]
        assert [each.severity_number for each in sent] == [17]
        shed = (
            'otelhouse_ingest_items_total{cause="degrade:debug_logs",outcome="dropped",signal="logs",tenant="default"}'
        )
        assert _metric(running.otlp_http, shed) == 1
