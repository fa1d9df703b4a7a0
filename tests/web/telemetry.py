"""Telemetry with known ids and times, sent as OTLP/JSON: what the pages must show is known to the letter."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import httpx

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND

UNSET, OK, ERROR = 0, 1, 2
INTERNAL, SERVER, CLIENT = 1, 2, 3

Value = str | int | bool


@dataclass(frozen=True)
class Span:
    """A span; times in nanoseconds, `start` since 1970."""

    trace_id: str
    span_id: str
    service: str
    name: str
    start: int
    duration: int = 10 * MILLISECOND
    parent: str = ""
    kind: int = INTERNAL
    status: int = UNSET
    message: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)
    events: tuple[tuple[str, int, dict[str, Value]], ...] = ()
    """Name, nanoseconds since the span's start, attributes."""
    links: tuple[tuple[str, str], ...] = ()
    """Trace id and span id."""


@dataclass(frozen=True)
class Log:
    """A log record; `time` in nanoseconds since 1970."""

    service: str
    body: str
    time: int
    severity: int = 9
    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)


def now() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def send_spans(otlp_http: str, spans: list[Span]) -> None:
    """Export; RuntimeError unless all is accepted."""
    resources = [
        {"resource": _resource(service), "scopeSpans": [{"scope": {"name": "tests.web"}, "spans": [*map(_span, some)]}]}
        for service, some in groupby(sorted(spans, key=lambda span: span.service), lambda span: span.service)
    ]
    _send(otlp_http, "traces", {"resourceSpans": resources})


def send_logs(otlp_http: str, logs: list[Log]) -> None:
    """Export; RuntimeError unless all is accepted."""
    resources = [
        {"resource": _resource(service), "scopeLogs": [{"scope": {}, "logRecords": [*map(_log, some)]}]}
        for service, some in groupby(sorted(logs, key=lambda log: log.service), lambda log: log.service)
    ]
    _send(otlp_http, "logs", {"resourceLogs": resources})


def _send(otlp_http: str, signal: str, body: dict[str, Any]) -> None:
    answer = httpx.post(f"http://{otlp_http}/v1/{signal}", json=body, timeout=30)
    if answer.status_code != 200 or answer.json().get("partialSuccess"):
        raise RuntimeError(f"{answer.status_code}: {answer.text}")


def _resource(service: str) -> dict[str, Any]:
    return {"attributes": _attributes({"service.name": service, "service.version": "1.4.2"})}


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.start + span.duration),
        "status": {"code": span.status, "message": span.message},
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": name, "timeUnixNano": str(span.start + after), "attributes": _attributes(attributes)}
            for name, after, attributes in span.events
        ],
        "links": [{"traceId": trace_id, "spanId": span_id} for trace_id, span_id in span.links],
    }


def _log(log: Log) -> dict[str, Any]:
    return {
        "timeUnixNano": str(log.time),
        "observedTimeUnixNano": str(log.time),
        "severityNumber": log.severity,
        "body": {"stringValue": log.body},
        "traceId": log.trace_id,
        "spanId": log.span_id,
        "attributes": _attributes(log.attributes),
    }


def _attributes(attributes: dict[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
