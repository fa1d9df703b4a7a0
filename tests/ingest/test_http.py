"""OTLP/HTTP over real sockets: what the specification says, row by row."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from backports.zstd import compress as zstd
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from schema.signal import Signal
from tests.ingest.conftest import MAX_REQUEST_BYTES
from tests.ingest.requests import one_of, span, traces
from tests.ingest.status import parse_status
from tests.support.ingest import RunningIngest, decode, running_ingest
from tests.support.otel_client import http_exporters, send_one_of_each

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RESPONSES = (ExportTraceServiceResponse, ExportMetricsServiceResponse, ExportLogsServiceResponse)


@pytest.fixture
def client(ingest: RunningIngest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=10) as made:
        yield made


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(
    ("coding", "compress"),
    [("", bytes), ("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd)],
)
def test_what_was_acknowledged_is_in_the_log(
    ingest: RunningIngest, client: httpx.Client, signal: Signal, coding: str, compress: type[bytes]
) -> None:
    request = one_of(signal, f"http-{signal.name}-{coding}")
    headers = {"content-type": PROTOBUF} | ({"content-encoding": coding} if coding else {})
    answer = client.post(signal.http_path, content=compress(request.SerializeToString()), headers=headers)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, PROTOBUF, b"")
    assert request in [decode(signal, record.value) for record in ingest.records(signal)]


@pytest.mark.parametrize("signal", Signal)
def test_json_is_the_same_request(ingest: RunningIngest, client: httpx.Client, signal: Signal) -> None:
    request = one_of(signal, f"json-{signal.name}")
    text = json_format.MessageToDict(request)
    for span_ in text.get("resourceSpans", [{}])[0].get("scopeSpans", [{}])[0].get("spans", []):
        message = request.resource_spans[0].scope_spans[0].spans[0]  # type: ignore[union-attr]
        span_ |= {"traceId": message.trace_id.hex(), "spanId": message.span_id.hex().upper()}
    answer = client.post(signal.http_path, json=text)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    assert request in [decode(signal, record.value) for record in ingest.records(signal)]


def test_official_exporters_are_served(ingest: RunningIngest) -> None:
    trace = bytes.fromhex(send_one_of_each("http-shop", http_exporters(ingest.otlp_http)))
    assert any(trace in record.value for record in ingest.records(Signal.TRACES))
    assert any(trace in record.value for record in ingest.records(Signal.LOGS))
    assert any(b"http-shop" in record.value for record in ingest.records(Signal.METRICS))


def test_a_chunked_body_is_read_to_its_end(ingest: RunningIngest, client: httpx.Client) -> None:
    request = one_of(Signal.TRACES, "chunked")
    body = request.SerializeToString()
    chunks = (body[at : at + 7] for at in range(0, len(body), 7))
    assert client.post("/v1/traces", content=chunks, headers={"content-type": PROTOBUF}).status_code == 200
    assert request in [decode(Signal.TRACES, record.value) for record in ingest.records(Signal.TRACES)]


@dataclass(frozen=True)
class Bad:
    """A request that is refused: its answer's HTTP status and gRPC code (None: no google.rpc.Status)."""

    name: str
    status: int
    code: int | None
    path: str = "/v1/traces"
    method: str = "POST"
    media_type: str = PROTOBUF
    coding: str = "identity"
    body: bytes = b""


GOOD = one_of(Signal.TRACES, "good").SerializeToString()
BAD = [
    Bad("garbage", 400, 3, body=b"\xff" * 30),
    Bad("truncated", 400, 3, body=GOOD[:-1]),
    Bad("broken json", 400, 3, media_type=JSON, body=b'{"resourceSpans": ['),
    Bad("json that is no object", 400, 3, media_type=JSON, body=b"[]"),
    Bad("json that is no otlp", 400, 3, media_type=JSON, body=b'{"resourceSpans": 3}'),
    Bad("ids that are not hexadecimal", 400, 3, media_type=JSON,
        body=b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}'),
    Bad("json nested without end", 400, 3, media_type=JSON, body=b'{"resourceSpans":' + b"[" * 100_000),
    Bad("no gzip", 400, 3, coding="gzip", body=GOOD),
    Bad("half a gzip", 400, 3, coding="gzip", body=gzip.compress(GOOD)[:-10]),
    Bad("half a zstd", 400, 3, coding="zstd", body=zstd(GOOD * 10)[:-10]),
    Bad("unknown path", 404, None, path="/v1/profiles"),
    Bad("wrong method", 405, 12, method="GET"),
    Bad("too large", 413, 8, body=GOOD + b"\0" * MAX_REQUEST_BYTES),
    Bad("too large when inflated", 413, 8, coding="gzip", body=gzip.compress(b"\0" * (MAX_REQUEST_BYTES + 1))),
    Bad("far too large when inflated", 413, 8, coding="zstd", body=zstd(b"\0" * (MAX_REQUEST_BYTES << 8))),
    Bad("no media type", 415, 12, media_type="", body=GOOD),
    Bad("wrong media type", 415, 12, media_type="text/plain", body=GOOD),
    Bad("unknown coding", 415, 12, coding="br", body=GOOD),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_request_gets_its_own_answer_and_the_next_is_served(client: httpx.Client, bad: Bad) -> None:
    headers = {"content-encoding": bad.coding} | ({"content-type": bad.media_type} if bad.media_type else {})
    answer = client.request(bad.method, bad.path, content=bad.body, headers=headers)
    assert answer.status_code == bad.status
    if bad.code is not None and bad.status != 415:
        assert answer.headers["content-type"] == bad.media_type
    if bad.code is not None:
        code = answer.json()["code"] if answer.headers["content-type"] == JSON else parse_status(answer.content).code
        assert code == bad.code
    assert answer.headers.get("allow") == ("POST" if bad.status == 405 else None)
    assert client.post("/v1/traces", content=GOOD, headers={"content-type": PROTOBUF}).status_code == 200


def test_an_answer_to_bad_json_quotes_nothing_of_it(client: httpx.Client) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": {"secret": "hunter2"}}]}]}]}
    answer = client.post("/v1/traces", json=body)
    assert answer.status_code == 400
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(("media_type", "body"), [(PROTOBUF, b""), (JSON, b"{}"), (f"{JSON}; charset=utf-8", b"")])
def test_an_empty_request_is_a_valid_one(client: httpx.Client, signal: Signal, media_type: str, body: bytes) -> None:
    answer = client.post(signal.http_path, content=body, headers={"content-type": media_type})
    assert answer.status_code == 200


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
def test_spans_without_an_id_are_a_partial_success(client: httpx.Client, encoding: str) -> None:
    request = traces(span("good"), span("bad", b""))
    body = request.SerializeToString()
    if encoding == JSON:
        good = request.resource_spans[0].scope_spans[0].spans[0]
        ids = {"traceId": good.trace_id.hex(), "spanId": good.span_id.hex()}
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [ids, {"name": "bad"}]}]}]}).encode()
    answer = client.post("/v1/traces", content=body, headers={"content-type": encoding})
    assert answer.status_code == 200
    if encoding == JSON:
        partial = json_format.Parse(answer.text, ExportTraceServiceResponse()).partial_success
    else:
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_spans, partial.error_message) == (1, "1 spans have an invalid trace id or span id")


def test_a_client_that_hangs_up_in_mid_body_disturbs_nobody(ingest: RunningIngest, client: httpx.Client) -> None:
    host, _, port = ingest.otlp_http.rpartition(":")
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\n"
    for rest in (
        "content-length: 1000\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n5\r\nab",
        "content-le",
        "\0\0\r\n",
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall((head + rest).encode())
    assert client.post("/v1/traces", content=GOOD, headers={"content-type": PROTOBUF}).status_code == 200
    metrics = client.get("/metrics").text
    assert "otelhouse_ingest_in_flight_bytes 0.0" in metrics


def test_health_says_what_cannot_be_reached(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_without_rules_nothing_passes_and_readiness_says_so(tmp_path: Path) -> None:
    """Nobody knows what to mask until PostgreSQL was asked once."""
    with running_ingest(tmp_path) as ingest, httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=10) as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, set(ready.json()["failed"])) == (503, {"postgres", "rules"})
        answer = client.post("/v1/traces", content=GOOD, headers={"content-type": PROTOBUF})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_no_web_page_may_send_unless_it_was_set(client: httpx.Client) -> None:
    origin = {"origin": "https://shop.example"}
    assert client.options("/v1/logs", headers=origin | {"access-control-request-method": "POST"}).status_code == 405
    answer = client.post("/v1/logs", content=b"", headers=origin | {"content-type": PROTOBUF})
    assert "access-control-allow-origin" not in answer.headers
