"""OTLP/gRPC of the OTLP 1.x specification: each row names the sentence that it holds us to."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from schema.signal import Signal
from tests.conformance.otlp.conftest import MAX_REQUEST_BYTES
from tests.conformance.otlp.test_http import PARTLY_BAD
from tests.ingest.client import GrpcClient
from tests.ingest.requests import logs, one_of, span, traces
from tests.ingest.status import Status, parse_status
from tests.support.ingest import RunningIngest, decode

RESPONSES = (ExportTraceServiceResponse, ExportMetricsServiceResponse, ExportLogsServiceResponse)
RETRYABLE = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""The specification's table, but for RESOURCE_EXHAUSTED, which is retryable with RetryInfo only."""
GOOD = one_of(Signal.TRACES, "good").SerializeToString()


def details(error: Any) -> Status | None:
    found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    return None if found is None else parse_status(found)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("gzip", [False, True])
def test_a_request_is_acknowledged_and_kept(
    ingest: RunningIngest, grpc_client: GrpcClient, signal: Signal, gzip: bool
) -> None:
    """ "Full Success": the response message with partial_success unset; "MUST support" none and gzip."""
    request = one_of(signal, f"grpc-full-{signal.name}-{gzip}")
    answer = grpc_client.export(request.SerializeToString(), signal.grpc_method, gzip)
    assert not RESPONSES[signal].FromString(answer).HasField("partial_success")
    assert request in [decode(signal, record.value) for record in ingest.records(signal)]


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("body", [b"", b"\x0a\x00"])
def test_an_empty_request_is_answered_with_success(grpc_client: GrpcClient, signal: Signal, body: bytes) -> None:
    """ "If the server receives an empty request ... the server SHOULD respond with success"."""
    assert grpc_client.export(body, signal.grpc_method) == b""


@pytest.mark.parametrize(("signal", "request_", "rejected"), PARTLY_BAD, ids=["spans", "data points"])
def test_rejected_items_are_counted(grpc_client: GrpcClient, signal: Signal, request_: Any, rejected: int) -> None:
    """ "Partial Success": rejected_... MUST be set, error_message SHOULD be."""
    answer = RESPONSES[signal].FromString(grpc_client.export(request_.SerializeToString(), signal.grpc_method))
    assert next(value for _, value in answer.partial_success.ListFields()) == rejected
    assert answer.partial_success.error_message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff" * 30, grpc.StatusCode.INVALID_ARGUMENT),
        (GOOD[:-1], grpc.StatusCode.INVALID_ARGUMENT),
        (GOOD.replace(b"good", b"g\xff\xffd"), grpc.StatusCode.INVALID_ARGUMENT),
        # "If the limit is exceeded ... gRPC server implementations return RESOURCE_EXHAUSTED", not retryable
        (traces(span("x" * MAX_REQUEST_BYTES)).SerializeToString(), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["no protobuf", "truncated", "invalid UTF-8", "too large"],
)
def test_bad_data_is_not_to_be_sent_again(grpc_client: GrpcClient, body: bytes, code: grpc.StatusCode) -> None:
    """ "Failures": "To indicate not-retryable errors, the server is recommended to use code InvalidArgument"."""
    error = grpc_client.refusal(body)
    assert error.code() is code
    assert error.code() not in RETRYABLE
    said = details(error)
    assert said is None or said.retry_seconds is None
    assert error.details()


def test_a_body_too_large_when_inflated_is_not_to_be_sent_again(grpc_client: GrpcClient) -> None:
    big = traces(span("x" * MAX_REQUEST_BYTES)).SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        grpc_client.export(big, gzip=True)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    said = details(caught.value)
    assert said is None or said.retry_seconds is None


def test_a_log_that_is_down_is_to_be_retried_after_a_while(cut_off: RunningIngest) -> None:
    """ "The server SHOULD indicate retryable errors using code Unavailable and MAY supply ... RetryInfo"."""
    client = GrpcClient(cut_off.otlp_grpc)
    error = client.refusal(one_of(Signal.LOGS, "lost").SerializeToString(), Signal.LOGS.grpc_method)
    client.channel.close()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    said = details(error)
    assert said is not None
    assert (said.code, (said.retry_seconds or 0) > 0) == (14, True)


def test_a_limited_tenant_hears_that_it_can_recover(limited: RunningIngest) -> None:
    """RESOURCE_EXHAUSTED is retryable "only if the server signals that the recovery ... is possible", by RetryInfo."""
    body = logs(*(LogRecord(severity_number=9) for _ in range(8))).SerializeToString()  # type: ignore[arg-type]
    client = GrpcClient(limited.otlp_grpc)
    errors = []
    for _ in range(4):
        try:
            client.export(body, Signal.LOGS.grpc_method)
        except grpc.RpcError as error:
            errors.append(error)
    client.channel.close()
    assert {error.code() for error in errors} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    said = details(errors[-1])
    assert said is not None
    assert (said.retry_seconds or 0) > 0


def test_unknown_fields_are_passed_over_and_kept(ingest: RunningIngest, grpc_client: GrpcClient) -> None:
    request = one_of(Signal.LOGS, "grpc-unknown")
    assert grpc_client.export(request.SerializeToString() + b"\xf8\x3f\x01", Signal.LOGS.grpc_method) == b""
    assert request in [decode(Signal.LOGS, record.value) for record in ingest.records(Signal.LOGS)]


@pytest.mark.parametrize(
    "method",
    ["/x/Y", "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
     "/opentelemetry.proto.collector.trace.v1.TraceService/Import"],
)  # fmt: skip
def test_what_is_not_served_is_unimplemented(grpc_client: GrpcClient, method: str) -> None:
    assert grpc_client.refusal(b"", method).code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_run_side_by_side_on_one_connection(ingest: RunningIngest, grpc_client: GrpcClient) -> None:
    """ "Concurrent Requests": answers need not come in the order of the requests."""
    export = grpc_client.channel.unary_unary(Signal.TRACES.grpc_method)
    requests = [one_of(Signal.TRACES, f"side-{number}") for number in range(50)]
    futures = [export.future(request.SerializeToString(), timeout=20) for request in requests]
    assert {future.result() for future in futures} == {b""}
    kept = b"".join(record.value for record in ingest.records(Signal.TRACES))
    assert all(f"side-{number}".encode() in kept for number in range(50))
