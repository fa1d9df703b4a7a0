"""What control rules match, on every kind of field."""

from __future__ import annotations

import pytest
import yaml
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, Sum
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from schema.signal import Signal
from tests.ingest.control.run import one
from tests.ingest.requests import Request, attribute, gauge, logs, metrics, span, traces


def _span(name: str, kind: int = 0, status: int = 0, **attributes: AnyValue) -> Span:
    made = span(name)
    made.kind = kind
    if status:
        made.status.CopyFrom(Status(code=status))
    made.attributes.extend(KeyValue(key=key, value=value) for key, value in attributes.items())
    return made


def _spans() -> Request:
    return traces(
        _span("GET /healthz", kind=2),
        _span("GET /users/1", kind=2, status=2, code=AnyValue(int_value=500), route=AnyValue(string_value="/users")),
        _span("SELECT", kind=3, code=AnyValue(int_value=200), cached=AnyValue(bool_value=True)),
        _span("", route=AnyValue(string_value=""), ratio=AnyValue(double_value=0.5)),
        _span(
            "job*", tags=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)]))
        ),
        service="checkout",
    )


SPANS = [
    ("{}", [0, 1, 2, 3, 4]),
    ("{name: GET /healthz}", [0]),
    ("{name: {in: [SELECT, GET /healthz]}}", [0, 2]),
    ("{name: {in: [a, b, c, d, e, f, g, h, i, SELECT]}}", [2]),
    ("{name: {prefix: GET}}", [0, 1]),
    ("{name: {prefix: GET /healthz and more}}", []),
    ("{name: {glob: 'GET /*'}}", [0, 1]),
    ("{name: {glob: '*/users/?'}}", [1]),
    ("{name: {glob: 'GET'}}", []),
    ("{name: {regex: '[0-9]$'}}", [1]),
    ("{name: {regex: '(?i)select'}}", [2]),
    ("{name: {exists: true}}", [0, 1, 2, 4]),
    ("{name: {exists: false}}", [3]),
    ("{kind: server}", [0, 1]),
    ("{kind: unspecified}", [3, 4]),
    ("{status: error}", [1]),
    ("{status: {in: [unset, ok]}}", [0, 2, 3, 4]),
    ("{attributes.code: 500}", [1]),
    ("{attributes.code: {in: [200, 500]}}", [1, 2]),
    ("{attributes.code: {regex: ^5}}", [1]),
    ("{attributes.code: {exists: false}}", [0, 3, 4]),
    ("{attributes.cached: true}", [2]),
    ("{attributes.ratio: 0.5}", [3]),
    ("{attributes.tags: '[\"a\",1]'}", [4]),
    ("{attributes.route: ''}", [3]),
    ("{attributes.route: {exists: true}}", [1, 3]),
    ("{resource.service.name: checkout}", [0, 1, 2, 3, 4]),
    ("{resource.service.name: {prefix: cart}}", []),
    ("{resource.none: {exists: false}}", [0, 1, 2, 3, 4]),
    ("{scope.name: tests}", [0, 1, 2, 3, 4]),
    ("{scope.version: {exists: false}}", [0, 1, 2, 3, 4]),
    ("{not: {kind: server}}", [2, 3, 4]),
    ("{kind: server, not: {status: error}}", [0]),
    ("{any: [{name: SELECT}, {attributes.code: 500}]}", [1, 2]),
    ("{any: [{name: none}, {all: [{kind: server}, {status: error}]}]}", [1]),
]


@pytest.mark.parametrize(("match", "expected"), SPANS, ids=[match for match, _ in SPANS])
def test_spans(match: str, expected: list[int]) -> None:
    names = [item.name for item in _all(_spans(), "scope_spans", "spans")]
    rule = {"name": "r", "signal": "traces", "match": yaml.safe_load(match), "action": "deny"}
    result = one(Signal.TRACES, yaml.safe_dump([rule]), _spans())
    left = [item.name for message in result.sent.values() for item in _all(message, "scope_spans", "spans")]
    assert left == [name for place, name in enumerate(names) if place not in expected]
    assert result.dropped == ({"control:r": len(expected)} if expected else {})


def _logs() -> Request:
    return logs(
        LogRecord(severity_number=5, severity_text="DEBUG", body=AnyValue(string_value="cache miss")),
        LogRecord(severity_number=9, body=AnyValue(string_value="started")),
        LogRecord(severity_number=17, body=AnyValue(int_value=7), event_name="crash"),
        LogRecord(body=AnyValue(string_value="")),
        LogRecord(severity_number=21),
    )


LOGS = [
    ("{severity: debug}", [0]),
    ("{severity: {below: info}}", [0]),
    ("{severity: {below: warn}}", [0, 1]),
    ("{severity: {at_least: warn}}", [2, 4]),
    ("{severity: unspecified}", [3]),
    ("{severity_text: DEBUG}", [0]),
    ("{body: started}", [1]),
    ("{body: 7}", [2]),
    ("{body: {regex: mis+}}", [0]),
    ("{body: {exists: true}}", [0, 1, 2, 3]),
    ("{event_name: crash}", [2]),
]


@pytest.mark.parametrize(("match", "expected"), LOGS, ids=[match for match, _ in LOGS])
def test_logs(match: str, expected: list[int]) -> None:
    rule = {"name": "r", "signal": "logs", "match": yaml.safe_load(match), "action": "deny"}
    result = one(Signal.LOGS, yaml.safe_dump([rule]), _logs())
    assert [row for row, kept in enumerate(result.batch.keep) if not kept] == expected


def _metrics() -> Request:
    return metrics(
        gauge("queue.depth", 1, 2, unit="1"),
        Metric(name="http.requests", sum=_sum(AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)),
        Metric(name="http.errors", unit="{error}", sum=_sum(AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA)),
    )


def _sum(temporality: AggregationTemporality.ValueType) -> Sum:
    made = Sum(aggregation_temporality=temporality, is_monotonic=True)
    made.data_points.add(as_int=1, attributes=[attribute("a", "b")])
    return made


METRICS = [
    ("{name: {prefix: http.}}", [1, 2]),
    ("{type: gauge}", [0]),
    ("{type: {in: [sum, histogram]}}", [1, 2]),
    ("{temporality: delta}", [2]),
    ("{unit: '1'}", [0]),
]


@pytest.mark.parametrize(("match", "expected"), METRICS, ids=[match for match, _ in METRICS])
def test_metrics(match: str, expected: list[int]) -> None:
    rule = {"name": "r", "signal": "metrics", "match": yaml.safe_load(match), "action": "deny"}
    result = one(Signal.METRICS, yaml.safe_dump([rule]), _metrics())
    assert [row for row, kept in enumerate(result.batch.keep) if not kept] == expected
    assert result.dropped == {"control:r": sum((2, 1, 1)[row] for row in expected)}


def _all(message: Request, scopes: str, items: str) -> list[Span]:
    resources = message.resource_spans
    return [item for group in resources for scope in getattr(group, scopes) for item in getattr(scope, items)]
