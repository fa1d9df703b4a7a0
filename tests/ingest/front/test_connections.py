"""Clients that are slow, many, or hostile hurt nobody else."""

from __future__ import annotations

import http.client
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from schema.signal import Signal
from tests.ingest.front import by_hand
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest

BODY = one_of(Signal.TRACES, "good").SerializeToString()
PROTOBUF = {"content-type": "application/x-protobuf"}
START = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
MAX_CONNECTIONS = 50
MEMORY_BYTES = 256 << 20
"""What hostile clients may make a process of ours grow by: the budget of 96 MiB, and more to read it with."""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest that loses its patience soon."""
    with running_ingest(
        tmp_path_factory.mktemp("strict"),
        metadata_url,
        header_timeout_seconds=1,
        request_timeout_seconds=2,
        idle_timeout_seconds=1.5,
        max_connections=MAX_CONNECTIONS,
        max_header_bytes=8192,
        max_connection_age_seconds=4,
        max_connection_age_grace_seconds=1,
    ) as running:
        yield running


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=15)


def post(ingest: RunningIngest, **headers: str) -> httpx.Response:
    url = f"http://{ingest.otlp_http}/v1/traces"
    return httpx.post(url, content=BODY, headers=PROTOBUF | headers, timeout=15)


def answer_until_closed(connection: socket.socket) -> tuple[bytes, float]:
    """What comes until the other side closes, and the seconds that it took."""
    began, said = time.monotonic(), b""
    try:
        while chunk := connection.recv(1 << 16):
            said += chunk
    except ConnectionResetError:
        pass
    return said, time.monotonic() - began


@pytest.mark.parametrize(
    ("sent", "status", "seconds"),
    [
        (b"", b"", 1.5),
        (START, b"408", 1.0),
        (START + b"content-length: 10000\r\n\r\nabc", b"408", 2.0),
        (START + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"408", 2.0),
    ],
    ids=["nothing", "half the headers", "half the body", "half the chunks"],
)
def test_a_client_that_does_not_go_on_is_closed(
    strict: RunningIngest, sent: bytes, status: bytes, seconds: float
) -> None:
    with connect(strict.otlp_http) as slow:
        slow.sendall(sent)
        assert post(strict).status_code == 200
        said, took = answer_until_closed(slow)
    assert said.split(b" ")[1:2] == ([status] if status else [])
    assert seconds * 0.5 < took < seconds + 3


def test_headers_that_are_too_large_are_refused(strict: RunningIngest) -> None:
    assert post(strict, x="y" * 10_000).status_code == 431
    assert post(strict).status_code == 200


def test_more_connections_than_allowed_are_closed_and_the_others_served(strict: RunningIngest) -> None:
    with httpx.Client(base_url=f"http://{strict.otlp_http}", headers=PROTOBUF) as kept, ExitStack() as stack:
        kept.post("/v1/traces", content=BODY)
        many = [stack.enter_context(connect(strict.otlp_http)) for _ in range(MAX_CONNECTIONS + 10)]
        assert kept.post("/v1/traces", content=BODY).status_code == 200
        time.sleep(0.2)
        closed = 0
        for one in many:
            one.setblocking(False)
            try:
                closed += one.recv(1) == b""
            except BlockingIOError:
                continue
            except ConnectionResetError:
                closed += 1
        assert closed >= 10


def test_an_old_connection_is_asked_to_end_while_it_is_in_use(strict: RunningIngest) -> None:
    with httpx.Client(base_url=f"http://{strict.otlp_http}", headers=PROTOBUF) as client:
        asked = []
        until = time.monotonic() + 5.5
        while time.monotonic() < until and not any(asked):
            answer = client.post("/v1/traces", content=BODY)
            assert answer.status_code == 200
            asked.append(answer.headers.get("connection") == "close")
            time.sleep(0.1)
    assert any(asked)


def test_calls_that_are_cancelled_at_once_end_their_connection(strict: RunningIngest) -> None:
    with by_hand.connect(strict.otlp_grpc) as hostile:
        block = by_hand.grpc_headers(Signal.TRACES.grpc_method)
        try:
            for number in range(3000):
                stream = 2 * number + 1
                hostile.sendall(
                    by_hand.frame(by_hand.HEADERS, by_hand.END_HEADERS, stream, block)
                    + by_hand.frame(by_hand.RESET, 0, stream, by_hand.CANCEL.to_bytes(4, "big"))
                )
            ended = by_hand.GOAWAY in by_hand.frames_until_closed(hostile)
        except (ConnectionResetError, BrokenPipeError):
            ended = True  # it was closed under our hands, while it had not read all
    assert ended
    assert post(strict).status_code == 200
    assert "otelhouse_ingest_in_flight_bytes 0.0" in httpx.get(f"http://{strict.otlp_http}/metrics").text


def memory_bytes(ingest: RunningIngest) -> int:
    status = Path(f"/proc/{ingest.process.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def test_many_large_uploads_that_never_end_are_held_within_the_budget(ingest_of_full_size: RunningIngest) -> None:
    ingest = ingest_of_full_size
    before = memory_bytes(ingest)
    head = START + b"content-length: 67108864\r\n\r\n"
    with ExitStack() as stack:
        uploads = [stack.enter_context(connect(ingest.otlp_http)) for _ in range(40)]
        for upload in uploads:
            upload.setblocking(False)
        left = [head + b"\0" * (16 << 20)] * len(uploads)
        until = time.monotonic() + 3
        while any(left) and time.monotonic() < until:
            for number, upload in enumerate(uploads):
                try:
                    left[number] = left[number][upload.send(left[number][: 1 << 20]) :]
                except BlockingIOError:
                    continue
                except (ConnectionResetError, BrokenPipeError):
                    left[number] = b""  # refused, as most are
        assert memory_bytes(ingest) - before < MEMORY_BYTES
    until = time.monotonic() + 5
    while "otelhouse_ingest_in_flight_bytes 0.0" not in httpx.get(f"http://{ingest.otlp_http}/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert post(ingest).status_code == 200


@pytest.fixture(scope="module")
def ingest_of_full_size(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    with running_ingest(tmp_path_factory.mktemp("full"), metadata_url) as running:
        yield running


@pytest.mark.parametrize("chunked", [False, True])
def test_a_refusal_over_http_1_waits_for_the_body(ingest_of_full_size: RunningIngest, chunked: bool) -> None:
    """A client that writes its whole body before it reads hears why it was refused, and can go on."""
    chunk, size = b"\0" * (1 << 16), 8 << 20
    headers = PROTOBUF | {"authorization": "Bearer ohk_nobody"} | ({} if chunked else {"content-length": str(size)})
    connection = http.client.HTTPConnection(ingest_of_full_size.otlp_http, timeout=10)
    for _ in range(3):
        connection.request("POST", "/v1/traces", repeat(chunk, size // len(chunk)), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 401
        answer.read()
        assert not answer.will_close
    connection.close()


@pytest.mark.slow
def test_ten_thousand_idle_connections_do_not_hurt(ingest_of_full_size: RunningIngest) -> None:
    ingest = ingest_of_full_size
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
    before = memory_bytes(ingest)
    try:
        with ExitStack() as stack:
            for _ in range(10_000):
                stack.enter_context(connect(ingest.otlp_grpc))
            took = []
            for _ in range(100):
                began = time.monotonic()
                assert post(ingest).status_code == 200
                took.append(time.monotonic() - began)
            assert memory_bytes(ingest) - before < 400 << 20
            assert sorted(took)[50] < 0.5
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert post(ingest).status_code == 200
