"""`otelhouse sampling backtest` says what another rule would have kept of what lies in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from typer.testing import CliRunner

from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing
from otelhouse.cli import app
from otelhouse.clock import ManualClock
from otelhouse.config import LogSettings
from schema.record import Framing
from schema.signal import Signal
from tests.processor.sampling.stream import span

NOW_NS = 1_900_000_000_000_000_000
MINUTE_NS = 60_000_000_000
RULE = """
decision_wait: 5s
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: long, type: span_count, span_count: {min_spans: 3}}
"""


def value(*traces: int, error: bool = False, first: int = 1) -> bytes:
    made = ResourceSpans()
    made.scope_spans.add().spans.extend(span(trace, number, error=error) for number, trace in enumerate(traces, first))
    return ExportTraceServiceRequest(resource_spans=[made]).SerializeToString()


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    """Two partitions: what was sent two hours ago, and a minute ago."""
    url = f"embedded:{tmp_path / 'log'}"
    clock = ManualClock(wall_ns=NOW_NS - 120 * MINUTE_NS)
    log = open_log(LogSettings(url=url, partitions=2), clock)
    admin, producer = log.admin(), log.producer()
    admin.ensure_topic(Signal.TRACES.topic, 2)

    def publish(partition: int, body: bytes, tenant: str = "acme") -> None:
        record = Outgoing(Signal.TRACES.topic, partition, body, Framing(tenant, 1, 0).headers())
        (answer,) = producer.publish([record]).result(10)
        assert isinstance(answer, int)

    publish(0, value(1, error=True))
    clock.advance(119 * 60.0)
    publish(0, value(2, error=True))
    publish(0, value(3, 3))
    publish(1, value(4, 5, 4))
    publish(1, value(9, error=True), tenant="blue")
    clock.advance(2.0)
    publish(0, value(3, first=3))
    producer.close()
    admin.close()
    log.close()
    return url


def backtested(log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> list[dict[str, object]]:
    monkeypatch.setenv("OTELHOUSE_LOG_URL", log_url)
    monkeypatch.setenv("OTELHOUSE_LOG_PARTITIONS", "2")
    monkeypatch.setattr("otelhouse.clock.SystemClock.now_ns", lambda _: NOW_NS)
    (tmp_path / "rule.yaml").write_text(RULE)
    arguments = ["sampling", "backtest", "--policy", str(tmp_path / "rule.yaml"), *options]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def counted(lines: list[dict[str, object]]) -> list[tuple[object, ...]]:
    assert all(line["bytes"] for line in lines)
    return [(line["policy"], line["kept"], line["traces"], line["spans"]) for line in lines]


def test_traces_of_a_tenant_are_decided_as_a_whole(
    log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = backtested(log_url, tmp_path, monkeypatch, "--tenant", "acme", "--since", "1h")
    assert counted(lines) == [("long", True, 1, 3), ("errors", True, 1, 1), (None, False, 2, 3)]


def test_older_traces_count_if_they_are_asked_for(
    log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = backtested(log_url, tmp_path, monkeypatch, "--tenant", "acme", "--since", "1d")
    assert ("errors", True, 2, 2) in counted(lines)


def test_a_tenant_without_traces_has_no_lines(log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backtested(log_url, tmp_path, monkeypatch, "--tenant", "green") == []


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    arguments = ["sampling", "backtest", "--policy", str(tmp_path), "--since", "yesterday"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "'yesterday' is not like 7d, 12h or 30m" in result.output
