"""Everywhere a string can hide."""

from __future__ import annotations

import base64

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, EntityRef, KeyValue

from ingest.masking.tracestate import without
from tests.ingest.masking.masked import masked
from tests.ingest.requests import attribute, logs, span, traces

MAIL = "jane.doe@example.com"
TEXT = f"by {MAIL} now"


def nested(depth: int = 20) -> AnyValue:
    """The mail as a value and as a key, below so many lists and maps."""
    value = AnyValue(string_value=TEXT)
    for level in range(depth):
        outer = AnyValue()
        if level % 2:
            outer.array_value.values.append(value)
        else:
            outer.kvlist_value.values.add(key=f"k{level} {MAIL}", value=value)
        value = outer
    return value


def everywhere() -> list[KeyValue]:
    """Attributes that hold the mail in each way that an attribute can."""
    return [
        attribute("text", TEXT),
        attribute(f"key {MAIL}", "x"),
        KeyValue(key="bytes", value=AnyValue(bytes_value=b"\xff\x00" + TEXT.encode())),
        attribute("base64", base64.b64encode(TEXT.encode()).decode()),
        KeyValue(key="nested", value=nested()),
    ]


def trace_request() -> ExportTraceServiceRequest:
    one = span(TEXT)
    one.trace_state = f"ot=th:8;x:{base64.b64encode(TEXT.encode()).decode()},vendor={MAIL}"
    one.status.message = TEXT
    one.attributes.extend(everywhere())
    one.events.add(name=TEXT, attributes=everywhere())
    one.links.add(trace_id=b"l" * 16, span_id=b"l" * 8, trace_state=f"v={MAIL}", attributes=everywhere())
    request = traces(one)
    group = request.resource_spans[0]
    group.schema_url = f"https://{MAIL}/1.0"
    group.resource.attributes.extend(everywhere())
    group.resource.entity_refs.append(EntityRef(type=TEXT, id_keys=[f"key {MAIL}"]))
    group.scope_spans[0].schema_url = f"https://{MAIL}/1.0"
    group.scope_spans[0].scope.name = TEXT
    group.scope_spans[0].scope.version = TEXT
    group.scope_spans[0].scope.attributes.extend(everywhere())
    return request


def log_request() -> ExportLogsServiceRequest:
    request = logs()
    for body in (AnyValue(string_value=TEXT), AnyValue(bytes_value=TEXT.encode()), nested()):
        record = request.resource_logs[0].scope_logs[0].log_records.add(severity_text=TEXT, event_name=TEXT, body=body)
        record.attributes.extend(everywhere())
    return request


def metric_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(everywhere())
    metrics = group.scope_metrics.add().metrics
    gauge = metrics.add(name=TEXT, description=TEXT, unit=MAIL, metadata=everywhere())
    point = gauge.gauge.data_points.add(as_int=1, attributes=everywhere())
    point.exemplars.add(as_int=1, filtered_attributes=everywhere())
    for kind in ("sum", "histogram", "exponential_histogram", "summary"):
        getattr(metrics.add(name="m"), kind).data_points.add(attributes=everywhere())
    return request


@pytest.mark.parametrize("action", ["mask", "partial", "hash", "drop"])
@pytest.mark.parametrize("make", [trace_request, log_request, metric_request])
def test_nothing_of_it_is_left_anywhere(make: object, action: str) -> None:
    request = make()  # type: ignore[operator]
    assert request.SerializeToString().count(MAIL.encode()) > 10
    body = masked(request, {"action": action}).SerializeToString()
    assert MAIL.encode() not in body
    for shift in range(3):
        hidden = base64.b64encode(b" " * shift + TEXT.encode())[4:-4]
        assert hidden not in body


def test_what_is_not_personal_stays_as_it_was() -> None:
    one = span("GET /cart")
    one.trace_state = "ot=th:8;rv:0123456789abcd,vendor=1"
    one.attributes.extend([attribute("a", "b"), KeyValue(key="n", value=AnyValue(int_value=12))])
    request = traces(one)
    assert masked(request, {"profile": "all"}) == request


def test_masked_keys_that_collide_get_a_suffix() -> None:
    one = span("work")
    one.attributes.extend([attribute("****", "0"), attribute("a@example.com", "1"), attribute("b@example.com", "2")])
    members = one.attributes.add(key="map").value.kvlist_value.values
    members.add(key="c@example.com").value.int_value = 1
    members.add(key="d@example.com").value.int_value = 2
    done = masked(traces(one)).resource_spans[0].scope_spans[0].spans[0]
    assert [each.key for each in done.attributes] == ["****", "****#2", "****#3", "map"]
    assert [each.key for each in done.attributes[3].value.kvlist_value.values] == ["****", "****#2"]


def test_labels_of_metrics_are_hashed_where_others_are_masked() -> None:
    done = masked(metric_request()).resource_metrics[0]
    for attributes in (done.resource.attributes, done.scope_metrics[0].metrics[0].gauge.data_points[0].attributes):
        assert attributes[0].value.string_value.startswith("by h1:")
        assert attributes[1].key.startswith("key h1:")
    exemplar = done.scope_metrics[0].metrics[0].gauge.data_points[0].exemplars[0]
    assert exemplar.filtered_attributes[0].value.string_value == "by **** now"


def test_values_of_secret_names_go_whatever_their_kind() -> None:
    one = span("work")
    one.attributes.add(key="password").value.int_value = 1234
    one.attributes.add(key="secret").value.bool_value = True
    one.attributes.add(key="api_key").value.array_value.values.add(string_value="k")
    one.attributes.add(key="deep").value.kvlist_value.values.add(key="token").value.double_value = 1.5
    done = masked(traces(one)).resource_spans[0].scope_spans[0].spans[0].attributes
    assert [each.value.string_value for each in done[:3]] == ["****"] * 3
    assert done[3].value.kvlist_value.values[0].value.string_value == "****"


@pytest.mark.parametrize(
    ("before", "hit", "after"),
    [
        ("a=1,b=HIT,c=3", "HIT", "a=1,c=3"),
        ("ot=th:8;x:HIT;rv:1,b=2", "HIT", "ot=th:8;rv:1,b=2"),
        ("ot=x:HIT,b=2", "HIT", "b=2"),
        ("ot=rv:30569309025904;th:8", "30569309025904", "ot=rv:30569309025904;th:8"),
        ("ot=rv:HIT;th:8", "HIT", "ot=th:8"),
        ("HIT", "HIT", ""),
    ],
)
def test_a_hit_takes_its_member_out_of_the_trace_state(before: str, hit: str, after: str) -> None:
    at = before.index(hit)
    assert without(before.encode(), [(at, at + len(hit))]) == after.encode()
