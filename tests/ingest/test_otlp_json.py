"""OTLP/JSON's rules, where they differ from protobuf's own JSON or leave a choice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.answer import Code, Refused
from ingest.receivers.otlp_json import to_protobuf
from schema.signal import Signal

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "EEE19B7EC3C1B174"


def span(**fields: Any) -> Any:
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}
    request = ExportTraceServiceRequest.FromString(to_protobuf(Signal.TRACES, json.dumps(document).encode()))
    return request.resource_spans[0].scope_spans[0].spans[0]


def test_ids_are_hexadecimal_in_either_case_wherever_they_occur() -> None:
    found = span(traceId=TRACE, spanId=SPAN, parentSpanId=SPAN.lower(), links=[{"traceId": TRACE, "spanId": SPAN}])
    assert found.trace_id.hex() == found.links[0].trace_id.hex() == TRACE
    assert found.span_id == found.parent_span_id == found.links[0].span_id == bytes.fromhex(SPAN)


def test_ids_of_log_records_and_exemplars_are_hexadecimal_too() -> None:
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": TRACE, "spanId": SPAN}]}]}]}
    request = ExportLogsServiceRequest.FromString(to_protobuf(Signal.LOGS, json.dumps(logs).encode()))
    assert request.resource_logs[0].scope_logs[0].log_records[0].trace_id.hex() == TRACE
    points = [{"asInt": "7", "exemplars": [{"asDouble": 1.5, "traceId": TRACE}]}]
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": points}}]}]}]}
    parsed = ExportMetricsServiceRequest.FromString(to_protobuf(Signal.METRICS, json.dumps(metrics).encode()))
    point = parsed.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    assert (point.as_int, point.exemplars[0].trace_id.hex()) == (7, TRACE)


@pytest.mark.parametrize("time", [1544712660300000000, "1544712660300000000"])
def test_64_bit_integers_come_as_numbers_or_strings(time: int | str) -> None:
    assert span(startTimeUnixNano=time).start_time_unix_nano == 1544712660300000000


def test_enums_come_as_integers() -> None:
    found = span(kind=2, status={"code": 2})
    assert (found.kind, found.status.code) == (2, 2)


def test_unknown_fields_are_ignored_at_any_depth() -> None:
    found = span(name="x", brandNew={"traceId": 3}, status={"code": 1, "mood": "good"})
    assert (found.name, found.status.code) == ("x", 1)


def test_an_attribute_may_be_called_like_an_id() -> None:
    found = span(attributes=[{"key": "traceId", "value": {"stringValue": "not hex"}}])
    assert (found.attributes[0].key, found.attributes[0].value.string_value) == ("traceId", "not hex")


def test_values_keep_their_type() -> None:
    values = [{"boolValue": False}, {"intValue": "-5"}, {"doubleValue": "NaN"}, {"bytesValue": "AAE="}, {}]
    values.append({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": 1}]}}}]}})
    found = [a.value for a in span(attributes=[{"key": "k", "value": value} for value in values]).attributes]
    kinds = [value.WhichOneof("value") for value in found]
    assert kinds == ["bool_value", "int_value", "double_value", "bytes_value", None, "kvlist_value"]
    assert found[1].int_value == -5
    assert found[3].bytes_value == b"\0\1"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [1]}',
        b'\xff{"resourceSpans": []}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "abc"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "x"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7}]}]}]}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_what_is_no_otlp_is_refused(text: bytes) -> None:
    with pytest.raises(Refused) as caught:
        to_protobuf(Signal.TRACES, text)
    assert caught.value.code is Code.INVALID


def test_values_nested_too_deep_are_refused() -> None:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(150):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(Refused):
        span(attributes=[{"key": "deep", "value": value}])


@pytest.mark.parametrize("text", ["@@@", "AA E=", "A===", "ä"])
def test_bytes_that_are_not_base64_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        span(attributes=[{"key": "k", "value": {"bytesValue": text}}])
    assert refused.value.code is Code.INVALID


@pytest.mark.parametrize("text", ["-_-_", "+/+/", "AAE", "AAE=", ""])
def test_bytes_in_either_base64_alphabet_are_taken(text: str) -> None:
    found = span(attributes=[{"key": "k", "value": {"bytesValue": text}}])
    assert len(found.attributes[0].value.bytes_value) == len(text.rstrip("=")) * 3 // 4


def test_what_is_larger_in_protobuf_than_a_request_may_be_is_refused() -> None:
    points = [{"explicitBounds": [0] * 1000}]
    document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"histogram": {"dataPoints": points}}]}]}]}
    text = json.dumps(document, separators=(",", ":")).encode()
    assert len(to_protobuf(Signal.METRICS, text)) > 8000 > len(text)
    with pytest.raises(Refused) as caught:
        to_protobuf(Signal.METRICS, text, limit=8000)
    assert caught.value.code is Code.TOO_LARGE
