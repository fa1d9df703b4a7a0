"""OTLP/HTTP of the OTLP 1.x specification: each row names the sentence that it holds us to."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from backports import zstd
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from schema.signal import Signal
from tests.conformance.otlp.conftest import MAX_REQUEST_BYTES
from tests.ingest.requests import gauge, logs, metrics, one_of, span, traces
from tests.ingest.status import parse_status
from tests.support.ingest import RunningIngest, decode

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RESPONSES = (ExportTraceServiceResponse, ExportMetricsServiceResponse, ExportLogsServiceResponse)
REJECTED = ("rejectedSpans", "rejectedDataPoints", "rejectedLogRecords")

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,  # "MUST support no compression"
    "identity": bytes,
    "gzip": gzip.compress,  # "MUST support gzip"
    "deflate": zlib.compress,  # the Collector takes these two as well
    "zstd": zstd.compress,
}


def as_json(message: Any) -> bytes:
    """OTLP/JSON of a message: the ids in hexadecimal."""
    document = json_format.MessageToDict(message, use_integers_for_enums=True)
    for group in document.get("resourceSpans", []):
        for item in (item for scope in group["scopeSpans"] for item in scope["spans"]):
            source = message.resource_spans[0].scope_spans[0].spans[0]
            item |= {"traceId": source.trace_id.hex(), "spanId": source.span_id.hex()}
    return json.dumps(document).encode()


def post(client: httpx.Client, signal: Signal, body: bytes, media_type: str, **headers: str) -> httpx.Response:
    return client.post(signal.http_path, content=body, headers={"content-type": media_type, **headers})


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("coding", CODINGS)
def test_a_request_is_acknowledged_in_its_own_encoding_and_kept(
    ingest: RunningIngest, http: httpx.Client, signal: Signal, media_type: str, coding: str
) -> None:
    """ "Full Success": 200, the response message, the same Content-Type, partial_success unset."""
    request = one_of(signal, f"full-{signal.name}-{media_type}-{coding}")
    body = CODINGS[coding](request.SerializeToString() if media_type == PROTOBUF else as_json(request))
    answer = post(http, signal, body, media_type, **({"content-encoding": coding} if coding else {}))
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content == (b"" if media_type == PROTOBUF else b"{}")
    assert request in [decode(signal, record.value) for record in ingest.records(signal)]


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(
    ("media_type", "body"),
    [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b""), (PROTOBUF, b"\x0a\x00"), (JSON, b' {"resourceSpans": null} ')],
)
def test_an_empty_request_is_answered_with_success(
    http: httpx.Client, signal: Signal, media_type: str, body: bytes
) -> None:
    """ "If the server receives an empty request ... the server SHOULD respond with success"."""
    answer = post(http, signal, body, media_type)
    assert (answer.status_code, answer.content) == (200, b"" if media_type == PROTOBUF else b"{}")


def bad_metric() -> Metric:
    metric = gauge("", 1.0, 2.0)
    metric.gauge.data_points.add(as_int=3)
    return metric


PARTLY_BAD = [
    (Signal.TRACES, traces(span("good"), span("bad", b""), span("bad", bytes(16))), 2),
    (Signal.METRICS, metrics(gauge("good", 1.0), bad_metric()), 3),
]


@pytest.mark.parametrize(("signal", "request_", "rejected"), PARTLY_BAD, ids=["spans", "data points"])
def test_rejected_items_are_counted_and_the_others_accepted(
    http: httpx.Client, signal: Signal, request_: Any, rejected: int
) -> None:
    """ "Partial Success": 200, rejected_... set to the number, error_message SHOULD be there."""
    answer = post(http, signal, request_.SerializeToString(), PROTOBUF)
    partial = RESPONSES[signal].FromString(answer.content).partial_success
    assert answer.status_code == 200
    assert partial.error_message
    assert next(value for _, value in partial.ListFields()) == rejected


def test_partial_success_in_json_has_the_names_of_the_json_mapping(http: httpx.Client) -> None:
    body = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "no ids"}]}]}]}'
    answer = post(http, Signal.TRACES, body, JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"  # an int64 is a string in protobuf's JSON
    assert json_format.Parse(answer.text, ExportTraceServiceResponse()).partial_success.rejected_spans == 1


@pytest.mark.parametrize(
    "request_",
    [traces(span("")), logs(LogRecord()), metrics(gauge("g", float("nan"))), metrics(Metric(name="no data"))],
)
def test_partial_success_is_unset_where_nothing_was_rejected(http: httpx.Client, request_: Any) -> None:
    """ "The server MUST leave the partial_success field unset in case of a successful response"."""
    signal = next(s for s in Signal if s.name[:4] in type(request_).__name__.upper())
    assert post(http, signal, request_.SerializeToString(), PROTOBUF).content == b""


@dataclass(frozen=True)
class Refusal:
    """A request and the answer that it must get. `code`: gRPC's, in the google.rpc.Status of the body."""

    name: str
    status: int
    code: int
    body: bytes = b""
    media_type: str = PROTOBUF
    headers: dict[str, str] = field(default_factory=dict)


GOOD = one_of(Signal.TRACES, "good").SerializeToString()
DEEP = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":' + b'{"arrayValue":{"values":[' * 99
REFUSALS = [
    # "If the ... data cannot be decoded ... the server MUST respond with HTTP 400 Bad Request"
    Refusal("no protobuf", 400, 3, b"\xff" * 30),
    Refusal("truncated protobuf", 400, 3, GOOD[:-1]),
    Refusal("invalid UTF-8 in a string", 400, 3, GOOD.replace(b"good", b"g\xff\xffd")),
    Refusal("no JSON", 400, 3, b"{", JSON),
    Refusal("JSON of another type", 400, 3, b"[]", JSON),
    Refusal("a field of another type", 400, 3, b'{"resourceSpans": 1}', JSON),
    Refusal("protobuf called JSON", 400, 3, GOOD, JSON),
    Refusal("JSON nested without end", 400, 3, DEEP, JSON),
    Refusal("no gzip", 400, 3, GOOD, headers={"content-encoding": "gzip"}),
    Refusal("half a gzip", 400, 3, gzip.compress(GOOD)[:-4], headers={"content-encoding": "gzip"}),
    Refusal("half a gzip of JSON", 400, 3, gzip.compress(b"{}")[:-4], JSON, {"content-encoding": "gzip"}),
    # "The server MUST limit the size of the request body ... including after decompression ... SHOULD respond with 413"
    Refusal("too large", 413, 8, GOOD + bytes(MAX_REQUEST_BYTES)),
    Refusal("too large, JSON", 413, 8, b" " * (MAX_REQUEST_BYTES + 1), JSON),
    Refusal("too large when inflated", 413, 8, gzip.compress(bytes(MAX_REQUEST_BYTES + 1)),
            headers={"content-encoding": "gzip"}),
    Refusal("a bomb", 413, 8, zstd.compress(bytes(64 << 20)), headers={"content-encoding": "zstd"}),
    # RFC 9110, 15.5.16
    Refusal("unknown coding", 415, 12, GOOD, headers={"content-encoding": "br"}),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_is_a_status_message_in_the_encoding_of_the_request(http: httpx.Client, refusal: Refusal) -> None:
    """ "The response body for all HTTP 4xx and 5xx responses MUST be a Protobuf-encoded Status message"."""
    answer = post(http, Signal.TRACES, refusal.body, refusal.media_type, **refusal.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (refusal.status, refusal.media_type)
    if refusal.media_type == JSON:
        status = answer.json()
        assert (status["code"], bool(status["message"]), "details" in status) == (refusal.code, True, False)
    else:
        read = parse_status(answer.content)
        assert (read.code, bool(read.message), read.retry_seconds) == (refusal.code, True, None)
    assert "retry-after" not in answer.headers  # these "MUST NOT be retried"


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-protobuf-not", "application/grpc-web"])
def test_another_media_type_is_unsupported(http: httpx.Client, media_type: str) -> None:
    headers = {"content-type": media_type} if media_type else {}
    answer = http.post("/v1/traces", content=GOOD, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, 12)


@pytest.mark.parametrize("media_type", [f"{PROTOBUF};charset=utf-8", "Application/X-Protobuf", f"{PROTOBUF} ; a=b"])
def test_a_media_type_may_have_parameters_and_capitals(http: httpx.Client, media_type: str) -> None:
    assert http.post("/v1/traces", content=GOOD, headers={"content-type": media_type}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_allowed(http: httpx.Client, method: str) -> None:
    """ "OTLP/HTTP uses HTTP POST requests"."""
    answer = http.request(method, "/v1/traces", headers={"content-type": PROTOBUF})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/traces/", "/v1/traces/x", "/V1/traces", "/v1/profiles", "/v1//logs"])
def test_other_paths_are_not_found(http: httpx.Client, path: str) -> None:
    """As the Collector has it, a trailing slash included; never a redirect, on which clients would drop the body."""
    assert http.post(path, content=GOOD, headers={"content-type": PROTOBUF}).status_code == 404


def test_a_query_in_the_url_changes_nothing(http: httpx.Client) -> None:
    assert http.post("/v1/traces?token=x", content=GOOD, headers={"content-type": PROTOBUF}).status_code == 200


def test_a_connection_is_kept_alive(ingest: RunningIngest) -> None:
    """ "The client SHOULD keep the connection alive between requests"; so must we, after a refusal too."""
    host, _, port = ingest.otlp_http.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.connect()
    socket = connection.sock
    for body, status in ((GOOD, 200), (b"\xff", 400), (b"", 200), (GOOD, 200)):
        connection.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, connection.sock is socket) == (status, True)
    connection.close()


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_body_may_come_in_chunks(ingest: RunningIngest, http: httpx.Client, size: int) -> None:
    request = one_of(Signal.TRACES, f"chunks-{size}")
    body = request.SerializeToString()
    chunks = (body[at : at + size] for at in range(0, len(body), size))
    assert http.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF}).status_code == 200
    assert request in [decode(Signal.TRACES, record.value) for record in ingest.records(Signal.TRACES)]


def test_chunks_are_held_to_the_limit_too(http: httpx.Client) -> None:
    chunks = (bytes(1 << 16) for _ in range(2 + (MAX_REQUEST_BYTES >> 16)))
    assert http.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF}).status_code == 413


def test_unknown_fields_are_passed_over_and_kept(ingest: RunningIngest, http: httpx.Client) -> None:
    """ "Future Versions and Interoperability": old servers take what new clients send."""
    request = one_of(Signal.TRACES, "unknown-fields")
    body = request.SerializeToString() + b"\xf8\x3f\x01\x92\x40\x02hi"
    assert post(http, Signal.TRACES, body, PROTOBUF).status_code == 200
    assert request in [decode(Signal.TRACES, record.value) for record in ingest.records(Signal.TRACES)]


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_limited_tenant_hears_429_and_when_to_come_back(limited: RunningIngest, media_type: str) -> None:
    """ "If the server receives more requests than the client is allowed ... 429 ... MAY include Retry-After"."""
    request = logs(*(LogRecord(severity_number=9) for _ in range(8)))  # type: ignore[arg-type]
    body = request.SerializeToString() if media_type == PROTOBUF else as_json(request)
    answers = [
        httpx.post(f"http://{limited.otlp_http}/v1/logs", content=body, headers={"content-type": media_type})
        for _ in range(4)
    ]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    if media_type == JSON:
        assert refused[-1].json()["code"] == 8
        assert refused[-1].json()["details"][0]["retryDelay"].endswith("s")
    else:
        assert (parse_status(refused[-1].content).retry_seconds or 0) > 0


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_log_that_is_down_is_503_and_to_be_retried(cut_off: RunningIngest, media_type: str) -> None:
    """ "... or the server is overloaded ... 503 Service Unavailable and MAY include Retry-After"."""
    request = one_of(Signal.LOGS, "lost")
    body = request.SerializeToString() if media_type == PROTOBUF else as_json(request)
    headers = {"content-type": media_type}
    answer = httpx.post(f"http://{cut_off.otlp_http}/v1/logs", content=body, headers=headers, timeout=20)
    assert (answer.status_code, answer.headers["content-type"]) == (503, media_type)
    assert int(answer.headers["retry-after"]) >= 1
    code = answer.json()["code"] if media_type == JSON else parse_status(answer.content).code
    assert code == 14
