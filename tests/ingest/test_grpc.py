"""OTLP/gRPC over real sockets, with grpcio's client and the official exporters."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.conftest import MAX_REQUEST_BYTES
from tests.ingest.requests import one_of, span, trace_id, traces
from tests.ingest.status import parse_status
from tests.support.ingest import RunningIngest, decode, running_ingest
from tests.support.otel_client import grpc_exporters, send_one_of_each


@pytest.fixture
def client(ingest: RunningIngest) -> Iterator[GrpcClient]:
    made = GrpcClient(ingest.otlp_grpc)
    yield made
    made.channel.close()


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("gzip", [False, True])
def test_what_was_acknowledged_is_in_the_log_byte_for_byte(
    ingest: RunningIngest, client: GrpcClient, signal: Signal, gzip: bool
) -> None:
    request = one_of(signal, f"grpc-{signal.name}-{gzip}")
    assert client.export(request.SerializeToString(), signal.grpc_method, gzip) == b""
    record = ingest.records(signal)[-1] if gzip else None
    found = [decode(signal, r.value) for r in ingest.records(signal)]
    assert request in found
    if record is not None:
        framing = parse_headers(record.headers)
        assert isinstance(framing, Framing)
        assert (framing.tenant, framing.items) == ("default", 1)


def test_official_exporters_are_served(ingest: RunningIngest) -> None:
    trace = bytes.fromhex(send_one_of_each("grpc-shop", grpc_exporters(ingest.otlp_grpc)))
    found = [
        s.name
        for record in ingest.records(Signal.TRACES)
        for group in decode(Signal.TRACES, record.value).resource_spans  # type: ignore[attr-defined]
        for scope in group.scope_spans
        for s in scope.spans
        if s.trace_id == trace
    ]
    assert sorted(found) == ["POST /checkout", "charge"]


def test_an_empty_request_is_a_valid_one(client: GrpcClient) -> None:
    assert client.export(b"") == b""


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05abc", one_of(Signal.TRACES, "cut").SerializeToString()[:-1]])
def test_bytes_that_are_no_otlp_are_an_invalid_argument(client: GrpcClient, body: bytes) -> None:
    refusal = client.refusal(body)
    assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = parse_status(dict(refusal.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message, status.retry_seconds) == (3, refusal.details(), None)
    assert client.export(one_of(Signal.TRACES, "after").SerializeToString()) == b""


@pytest.mark.parametrize(
    "method",
    ["/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", "/x/Y", Signal.TRACES.grpc_method + "s"],
)
def test_an_unknown_service_is_unimplemented(client: GrpcClient, method: str) -> None:
    assert client.refusal(b"", method).code() is grpc.StatusCode.UNIMPLEMENTED


def test_spans_without_an_id_are_a_partial_success(client: GrpcClient) -> None:
    answer = client.export(traces(span("good"), span("bad", b"")).SerializeToString())
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (partial.rejected_spans, partial.error_message) == (1, "1 spans have an invalid trace id or span id")


def test_a_request_over_the_limit_is_refused_for_good(client: GrpcClient) -> None:
    big = traces(span("x" * (MAX_REQUEST_BYTES + 1))).SerializeToString()
    refusal = client.refusal(big)
    assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = parse_status(dict(refusal.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.retry_seconds) == (8, None)


def test_a_request_is_split_by_trace_and_nothing_is_lost(ingest: RunningIngest, client: GrpcClient) -> None:
    sent = traces(*(span(f"split-{n}", trace_id(1_000 + n // 2)) for n in range(64)))
    client.export(sent.SerializeToString())
    partition_of_trace: dict[bytes, set[int]] = {}
    names = []
    for record in ingest.records(Signal.TRACES):
        for group in decode(Signal.TRACES, record.value).resource_spans:  # type: ignore[attr-defined]
            for s in group.scope_spans[0].spans:
                if s.name.startswith("split-"):
                    names.append(s.name)
                    assert group.resource == sent.resource_spans[0].resource
                    partition_of_trace.setdefault(s.trace_id, set()).add(record.partition)
    assert sorted(names) == sorted(f"split-{n}" for n in range(64))
    assert all(len(partitions) == 1 for partitions in partition_of_trace.values())
    assert len(set().union(*partition_of_trace.values())) > 1


def test_an_unknown_key_is_not_taken_for_a_bad_one_while_keys_cannot_be_checked(tmp_path: Path) -> None:
    with running_ingest(tmp_path) as without_postgres:
        client = GrpcClient(without_postgres.otlp_grpc)
        refusal = client.refusal(b"", key="ohk_whoever")
        client.channel.close()
    assert refusal.code() is grpc.StatusCode.UNAVAILABLE
    assert parse_status(dict(refusal.trailing_metadata())["grpc-status-details-bin"]).retry_seconds == 1.0


def test_a_client_that_hangs_up_in_mid_call_disturbs_nobody(ingest: RunningIngest, client: GrpcClient) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    for end in (b"", b"\x00\x00\x05\x01\x04\x00\x00\x00\x01\x82", b"garbage" * 100):
        host, _, port = ingest.otlp_grpc.rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(preface + end)
    abandoned = client.channel.unary_unary(Signal.TRACES.grpc_method).future(
        one_of(Signal.TRACES, "abandoned").SerializeToString()
    )
    abandoned.cancel()
    assert client.export(one_of(Signal.TRACES, "after").SerializeToString()) == b""
