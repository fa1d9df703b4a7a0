"""OTLP 1.x, "JSON Protobuf Encoding": what a receiver must take, row by row, over HTTP and into the log."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schema.signal import Signal
from tests.support.ingest import RunningIngest, decode

TRACE, SPAN = "5B8EFFF798038103D269B633813FC60C", "eee19b7ec3c1b174"


def send(http: httpx.Client, ingest: RunningIngest, name: str, fields: str) -> Span | None:
    """Send a span that has these fields beside its ids and name; what the log has of it, or None if it was refused."""
    ids = f'"traceId":"{TRACE}","spanId":"{SPAN}",'  # fields that come after them hold instead
    span = "{" + ids + (fields + "," if fields else "") + f'"name":{json.dumps(name)}' + "}"
    text = '{"resourceSpans":[{"scopeSpans":[{"spans":[' + span + "]}]}]}"
    answer = http.post("/v1/traces", content=text.encode(), headers={"content-type": "application/json"})
    if answer.status_code == 400:
        assert answer.json()["code"] == 3
        return None
    assert (answer.status_code, answer.json()) == (200, {})
    for record in reversed(ingest.records(Signal.TRACES)):
        for group in decode(Signal.TRACES, record.value).resource_spans:  # type: ignore[attr-defined]
            for scope in group.scope_spans:
                for found in scope.spans:
                    if found.name == name:
                        return Span.FromString(found.SerializeToString())
    raise AssertionError("acknowledged and not in the log")


TAKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("ids in capitals", f'"traceId":"{TRACE}"', {"trace_id": bytes.fromhex(TRACE)}),
    ("ids in small letters", f'"traceId":"{TRACE.lower()}"', {"trace_id": bytes.fromhex(TRACE)}),
    ("parent id", f'"parentSpanId":"{SPAN}"', {"parent_span_id": bytes.fromhex(SPAN)}),
    ("no parent", '"parentSpanId":""', {"parent_span_id": b""}),
    ("enum as an integer", '"kind":2', {"kind": 2}),
    ("enum of no known value", '"kind":77', {"kind": 77}),
    # The specification forbids senders the names; the Collector takes them, and so do we.
    ("enum as a name", '"kind":"SPAN_KIND_SERVER"', {"kind": 2}),
    ("64 bits as a string", '"startTimeUnixNano":"1544712660300000001"', {"start_time_unix_nano": 1544712660300000001}),
    ("64 bits as a number", '"startTimeUnixNano":1544712660300000001', {"start_time_unix_nano": 1544712660300000001}),
    ("the largest", '"startTimeUnixNano":"18446744073709551615"', {"start_time_unix_nano": 2**64 - 1}),
    ("with an exponent", '"startTimeUnixNano":1.5447126603e18', {"start_time_unix_nano": 1544712660300000000}),
    ("32 bits as a string", '"droppedLinksCount":"7"', {"dropped_links_count": 7}),
    ("null is absence", '"kind":null,"attributes":null,"status":null', {"kind": 0}),
    ("an unknown field", '"newField":{"deep":[1,{"traceId":5}],"s":"\\u0041"},"kind":3', {"kind": 3}),
    # Original names are "not valid"; the Collector takes them, and so do we.
    ("names in snake_case", '"start_time_unix_nano":5,"dropped_links_count":6', {"start_time_unix_nano": 5}),
    ("a field twice", '"kind":2,"kind":3', {"kind": 3}),
    ("white space", ' \n"kind" :\t 2 \r', {"kind": 2}),
    ("escaped name", '"\\u006bind":2', {"kind": 2}),
]


@pytest.mark.parametrize(("name", "fields", "expected"), TAKEN, ids=[row[0] for row in TAKEN])
def test_what_a_receiver_must_take(
    ingest: RunningIngest, http: httpx.Client, name: str, fields: str, expected: dict[str, Any]
) -> None:
    found = send(http, ingest, f"json {name}", fields)
    assert found is not None
    assert {field: getattr(found, field) for field in expected} == expected


VALUES: list[tuple[str, AnyValue]] = [
    ('{"stringValue":""}', AnyValue(string_value="")),
    ('{"stringValue":"\\ud83d\\ude00 \\"é\\u0000"}', AnyValue(string_value='😀 "é\0')),
    ('{"stringValue":"half \\ud83d"}', AnyValue(string_value="half �")),
    ('{"boolValue":false}', AnyValue(bool_value=False)),
    ('{"intValue":"-9223372036854775808"}', AnyValue(int_value=-(2**63))),
    ('{"intValue":-1}', AnyValue(int_value=-1)),
    ('{"doubleValue":0.1}', AnyValue(double_value=0.1)),
    ('{"doubleValue":"1e-7"}', AnyValue(double_value=1e-7)),
    ('{"doubleValue":5}', AnyValue(double_value=5.0)),
    ('{"doubleValue":"Infinity"}', AnyValue(double_value=math.inf)),
    ('{"doubleValue":"-Infinity"}', AnyValue(double_value=-math.inf)),
    ('{"bytesValue":"+/A="}', AnyValue(bytes_value=b"\xfb\xf0")),
    ('{"bytesValue":"-_A"}', AnyValue(bytes_value=b"\xfb\xf0")),
    ('{"arrayValue":{}}', AnyValue(array_value={})),  # type: ignore[arg-type]
    ("{}", AnyValue()),
]


def test_values_of_every_type(ingest: RunningIngest, http: httpx.Client) -> None:
    attributes = ",".join(f'{{"key":"k","value":{text}}}' for text, _ in VALUES)
    found = send(
        http, ingest, "json values", f'"attributes":[{attributes},{{"key":"n","value":{{"doubleValue":"NaN"}}}}]'
    )
    assert found is not None
    assert [attribute.value for attribute in found.attributes][:-1] == [value for _, value in VALUES]
    assert math.isnan(found.attributes[-1].value.double_value)


REFUSED = [
    ("an id that is not hexadecimal", '"traceId":"xyz0"'),
    ("half a digit pair", '"traceId":"abc"'),
    ("an id in base64", '"traceId":"W47/95gDgQPSabYzgT/GDA=="'),
    ("an id as a number", '"traceId":5'),
    ("a negative time", '"startTimeUnixNano":-1'),
    ("a time beyond 64 bits", '"startTimeUnixNano":"18446744073709551616"'),
    ("a fraction of a nanosecond", '"startTimeUnixNano":1.5'),
    ("a word for a number", '"startTimeUnixNano":"soon"'),
    ("an enum beyond 32 bits", '"kind":2147483648'),
    ("an enum of no known name", '"kind":"SERVER"'),
    ("a list for an object", '"status":[]'),
    ("an object for a list", '"attributes":{}'),
    ("null in a list", '"attributes":[null]'),
    ("NaN without quotes", '"attributes":[{"key":"k","value":{"doubleValue":NaN}}]'),
    ("bytes that are not base64", '"attributes":[{"key":"k","value":{"bytesValue":"@"}}]'),
    ("a trailing comma", '"attributes":[{"key":"k"},]'),
    ("a control character", '"traceState":"a\nb"'),
]


@pytest.mark.parametrize(("name", "fields"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_no_request_is(ingest: RunningIngest, http: httpx.Client, name: str, fields: str) -> None:
    assert send(http, ingest, name, fields) is None


def test_invalid_utf8_is_no_json(http: httpx.Client) -> None:
    body = b'{"resourceSpans":[{"schemaUrl":"\xff"}]}'
    assert http.post("/v1/traces", content=body, headers={"content-type": "application/json"}).status_code == 400


def test_ids_are_hexadecimal_in_links_log_records_and_exemplars(ingest: RunningIngest, http: httpx.Client) -> None:
    found = send(http, ingest, "json link", f'"links":[{{"traceId":"{TRACE}","spanId":"{SPAN}"}}]')
    assert found is not None
    assert (found.links[0].trace_id.hex(), found.links[0].span_id.hex()) == (TRACE.lower(), SPAN)
    record = {"body": {"stringValue": "json ids"}, "traceId": TRACE, "spanId": SPAN}
    exemplar = {"traceId": TRACE, "spanId": SPAN, "asInt": "1"}
    points = [{"asDouble": 1, "exemplars": [exemplar]}]
    documents = {
        Signal.LOGS: {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]},
        Signal.METRICS: {
            "resourceMetrics": [
                {"scopeMetrics": [{"metrics": [{"name": "json ids", "gauge": {"dataPoints": points}}]}]}
            ]
        },
    }
    for signal, document in documents.items():
        assert http.post(signal.http_path, json=document).json() == {}
        (kept,) = (each.value for each in ingest.records(signal) if b"json ids" in each.value)
        assert bytes.fromhex(TRACE) in kept
        assert bytes.fromhex(SPAN) in kept
