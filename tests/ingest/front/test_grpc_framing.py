"""gRPC's framing to the letter; most of it over HTTP/1.1, where a test can write it as it likes."""

from __future__ import annotations

import gzip
import socket
import time
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

import grpc
import httpx
import pytest

from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.conftest import MAX_REQUEST_BYTES
from tests.ingest.requests import one_of
from tests.ingest.status import parse_status
from tests.support.ingest import RunningIngest

GOOD = one_of(Signal.TRACES, "framed").SerializeToString()
OK, INVALID, NOT_FOUND, EXHAUSTED, UNIMPLEMENTED = 0, 3, 5, 8, 12
HEALTH = "/grpc.health.v1.Health/Check"


def framed(message: bytes, flag: int = 0) -> bytes:
    return bytes((flag,)) + len(message).to_bytes(4, "big") + message


@pytest.fixture
def client(ingest: RunningIngest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{ingest.otlp_grpc}", timeout=10) as made:
        yield made


def call(client: httpx.Client, body: bytes, path: str = Signal.TRACES.grpc_method, **headers: str) -> httpx.Response:
    told = {"content-type": "application/grpc", "te": "trailers"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post(path, content=body, headers=told)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/grpc"
    return answer


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"", "", INVALID),
        (b"\0\0\0", "", INVALID),
        (framed(GOOD)[:-1], "", INVALID),
        (framed(GOOD) + framed(GOOD), "", INVALID),
        (framed(GOOD) + b"\0", "", INVALID),
        (framed(gzip.compress(GOOD), 1), "", INVALID),
        (framed(gzip.compress(GOOD), 1), "identity", INVALID),
        (framed(gzip.compress(GOOD), 1), "snappy", UNIMPLEMENTED),
        (framed(GOOD, 2), "gzip", UNIMPLEMENTED),
        (framed(GOOD, 1), "gzip", INVALID),
        (framed(gzip.compress(GOOD)[:-9], 1), "gzip", INVALID),
        (framed(b"\0" * (MAX_REQUEST_BYTES + 1)), "", EXHAUSTED),
        (framed(gzip.compress(b"\0" * (MAX_REQUEST_BYTES + 1)), 1), "gzip", EXHAUSTED),
    ],
)
def test_a_call_that_is_not_one_whole_message_is_refused(
    client: httpx.Client, body: bytes, coding: str, status: int
) -> None:
    answer = call(client, body, grpc_encoding=coding) if coding else call(client, body)
    assert answer.headers["grpc-status"] == str(status)
    details = answer.headers["grpc-status-details-bin"]
    told = parse_status(b64decode(details + "=" * (-len(details) % 4)))
    assert (told.code, told.message) == (status, unquote(answer.headers["grpc-message"]))
    assert (answer.headers.get("grpc-accept-encoding") == "identity,gzip") == (status == UNIMPLEMENTED)


@pytest.mark.parametrize("coding", ["", "identity", "gzip"])
def test_a_message_is_compressed_only_if_it_says_so(client: httpx.Client, coding: str) -> None:
    answer = call(client, framed(GOOD), grpc_encoding=coding) if coding else call(client, framed(GOOD))
    assert answer.content == framed(b"")


@pytest.mark.parametrize("media_type", ["application/json", "application/grpc-web", "text/plain"])
def test_another_content_type_on_a_method_is_415(client: httpx.Client, media_type: str) -> None:
    answer = client.post(Signal.TRACES.grpc_method, content=framed(GOOD), headers={"content-type": media_type})
    assert answer.status_code == 415


@pytest.mark.parametrize("service", ["", *(signal.grpc_method.split("/")[1] for signal in Signal)])
def test_health_is_answered_for_us_and_each_service(ingest: RunningIngest, service: str) -> None:
    client = GrpcClient(ingest.otlp_grpc)
    request = b"\x0a" + bytes((len(service),)) + service.encode() if service else b""
    assert client.export(request, HEALTH) == b"\x08\x01"
    client.channel.close()


def test_health_of_a_stranger_is_not_found(ingest: RunningIngest) -> None:
    client = GrpcClient(ingest.otlp_grpc)
    assert client.refusal(b"\x0a\x01x", HEALTH).code() is grpc.StatusCode.NOT_FOUND
    client.channel.close()


def test_both_protocols_are_served_on_both_ports(ingest: RunningIngest) -> None:
    client = GrpcClient(ingest.otlp_http)
    assert client.export(GOOD) == b""
    client.channel.close()
    answer = httpx.post(
        f"http://{ingest.otlp_grpc}/v1/traces", content=GOOD, headers={"content-type": "application/x-protobuf"}
    )
    assert answer.status_code == 200


def test_a_message_of_the_largest_size_is_taken(ingest: RunningIngest) -> None:
    client = GrpcClient(ingest.otlp_grpc)
    assert client.refusal(b"\xff" * MAX_REQUEST_BYTES).code() is grpc.StatusCode.INVALID_ARGUMENT  # it was looked at
    client.channel.close()


def test_a_call_ends_at_the_deadline_that_its_client_gave(ingest: RunningIngest) -> None:
    host, _, port = ingest.otlp_grpc.rpartition(":")
    head = f"POST {Signal.TRACES.grpc_method} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\nte: trailers\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{head}grpc-timeout: 300m\r\ncontent-length: 100\r\n\r\n".encode() + bytes(5))
        began = time.monotonic()
        said = connection.recv(1 << 16)
    assert b"grpc-status: 4\r\n" in said
    assert 0.2 < time.monotonic() - began < 2
