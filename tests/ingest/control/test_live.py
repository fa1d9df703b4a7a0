"""Control rules in a running ingest: a new version holds within seconds, in the log's own bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.testing import CliRunner

from otelhouse.bus import open_log
from otelhouse.bus.contract import TopicPartition
from otelhouse.cli import app
from otelhouse.clock import SystemClock
from schema.record import Framing, parse_headers
from tests.ingest.client import GrpcClient
from tests.ingest.requests import span, traces
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.postgres import migrate_postgres

SECONDS = 5.0
"""Within this a version holds."""

RULES = """
tenant: default
kind: control
document:
  rules:
    - {name: no-health, signal: traces, match: {name: GET /healthz}, action: deny}
    - {name: templates, signal: traces, action: {rename: {regex: '/[0-9]+', replace: '/{id}'}}}
    - {name: audit, signal: traces, match: {name: login}, action: {route: {topic: audit}}}
"""


@pytest.fixture
def running(tmp_path: Path, postgres_url: str) -> Iterator[RunningIngest]:
    migrate_postgres(postgres_url)
    with running_ingest(tmp_path, postgres_url) as started:
        yield started


def _names(running: RunningIngest, topic: str) -> list[str]:
    """Span names in a topic, of tenant default."""
    log = open_log(running.settings.log, SystemClock())
    consumer = log.consumer(f"test-{time.monotonic_ns()}")
    partitions: list[TopicPartition] = []
    names = []
    try:
        consumer.subscribe([topic], partitions.extend, lambda _: None)
        until = time.monotonic() + 10
        while not partitions or any(consumer.position(each) < consumer.end(each) for each in partitions):
            assert time.monotonic() < until
            for record in consumer.poll(0.05):
                framing = parse_headers(record.headers)
                if isinstance(framing, Framing):
                    assert framing.tenant == "default"
                    request = ExportTraceServiceRequest.FromString(record.value)
                    scopes = [scope for group in request.resource_spans for scope in group.scope_spans]
                    names += [item.name for scope in scopes for item in scope.spans]
    finally:
        consumer.close()
        log.close()
    return names


def test_a_new_version_holds_within_seconds_without_a_restart(
    running: RunningIngest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = GrpcClient(running.otlp_grpc)
    body = traces(span("GET /healthz"), span("GET /users/7"), span("login")).SerializeToString()
    client.export(body)
    assert sorted(_names(running, "telemetry.traces")) == ["GET /healthz", "GET /users/7", "login"]

    (tmp_path / "control.yaml").write_text(RULES)
    monkeypatch.setenv("OTELHOUSE_POSTGRES_URL", running.settings.postgres.url.get_secret_value())
    monkeypatch.setenv("OTELHOUSE_LOG_URL", running.settings.log.url)
    tried = CliRunner().invoke(app, ["rules", "try", str(tmp_path / "control.yaml"), "--from-log", "10"])
    assert tried.exit_code == 0, tried.output
    assert [line for line in tried.output.splitlines() if "\t" in line] == [
        "no-health\ttraces\t1 of 3 items",
        "templates\ttraces\t1 of 2 items",
        "audit\ttraces\t1 of 2 items",
    ]
    applied = CliRunner().invoke(app, ["rules", "apply", str(tmp_path / "control.yaml")])
    assert applied.exit_code == 0, applied.output
    until = time.monotonic() + SECONDS
    while "GET /users/{id}" not in _names(running, "telemetry.traces"):
        assert time.monotonic() < until
        time.sleep(0.2)
        if client_error := _export(client, body):
            assert "is being made" in client_error
    before = sorted(_names(running, "telemetry.traces"))
    routed = len(_names(running, "telemetry.traces.audit"))
    assert routed >= 1
    client.export(body)
    assert sorted(_names(running, "telemetry.traces")) == sorted([*before, "GET /users/{id}"])
    assert _names(running, "telemetry.traces.audit") == ["login"] * (routed + 1)


def _export(client: GrpcClient, body: bytes) -> str:
    """What the call is refused for, "" if it is not."""
    import grpc

    try:
        client.export(body)
    except grpc.RpcError as error:
        return str(error.details())
    return ""
