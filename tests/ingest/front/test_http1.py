"""HTTP/1.1 and 1.0 over real sockets, where a test writes requests as it likes (RFC 9112)."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest

from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.memory import Peak, resident

BODY = one_of(Signal.TRACES, "by hand").SerializeToString()
HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
POST = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
GRPC = (
    b"POST " + Signal.TRACES.grpc_method.encode() + b" HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n"
    b"content-length: 5\r\n\r\n" + bytes(5)
)


def connect(ingest: RunningIngest) -> socket.socket:
    host, _, port = ingest.otlp_http.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def said(connection: socket.socket, until: bytes = b"") -> bytes:
    """What comes until the other side closes, or until this has come."""
    found = b""
    while not (until and until in found):
        chunk = connection.recv(1 << 16)
        if not chunk:
            break
        found += chunk
    return found


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+) ", answer)


def test_requests_that_come_together_are_answered_in_order(ingest: RunningIngest) -> None:
    other = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with connect(ingest) as connection:
        connection.sendall(POST + other + POST * 20 + last)
        assert statuses(said(connection)) == [b"200", b"404", *[b"200"] * 20, b"200"]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_may_come_in_any_pieces(ingest: RunningIngest, size: int) -> None:
    with connect(ingest) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(POST), size):
            connection.sendall(POST[at : at + size])
        assert statuses(said(connection, b"\r\n\r\n")) == [b"200"]


def test_a_client_that_asks_first_is_told_to_go_on(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        assert said(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert statuses(said(connection, b"\r\n\r\n")) == [b"200"]


def test_a_client_that_asks_first_is_refused_before_it_sends(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        refused = HEAD.replace(b"x-protobuf", b"pdf") + b"expect: 100-continue\r\ncontent-length: 1000\r\n\r\n"
        connection.sendall(refused)
        answer = said(connection)
    assert (statuses(answer), b"connection: close" in answer) == ([b"415"], True)


@pytest.mark.parametrize(
    ("connection_header", "stays"), [(b"", False), (b"connection: keep-alive\r\n", True), (b"connection: x\r\n", False)]
)
def test_http_1_0_closes_unless_asked_not_to(ingest: RunningIngest, connection_header: bytes, stays: bool) -> None:
    request = POST.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"host: x\r\n", connection_header)
    with connect(ingest) as connection:
        connection.sendall(request)
        answer = said(connection, b"\r\n\r\n")
        assert statuses(answer) == [b"200"]
        assert (b"connection: keep-alive" in answer) == stays
        if stays:
            connection.sendall(request)
            assert statuses(said(connection, b"\r\n\r\n")) == [b"200"]
        else:
            assert said(connection) == b""


def test_an_offer_of_another_protocol_is_declined_and_the_request_answered(ingest: RunningIngest) -> None:
    """Java's HTTP client offers HTTP/2 like this with its first request."""
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAA\r\n"
    with connect(ingest) as connection:
        connection.sendall(HEAD + offer + POST[len(HEAD) :] + POST)
        found = said(connection, b"\r\n\r\n")
        while len(statuses(found)) < 2:
            found += said(connection, b"\r\n\r\n")
    assert statuses(found) == [b"200", b"200"]


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        HEAD + b"bad name: x\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ],
)
def test_what_is_no_request_is_400_or_closed_and_ends_the_connection(ingest: RunningIngest, sent: bytes) -> None:
    with connect(ingest) as connection:
        connection.sendall(sent)
        assert statuses(said(connection)) in ([b"400"], [])
    with connect(ingest) as connection:
        connection.sendall(POST)
        assert statuses(said(connection, b"\r\n\r\n")) == [b"200"]


def test_more_headers_than_allowed_are_refused(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(HEAD + b"".join(b"h%d: x\r\n" % number for number in range(200)) + b"\r\n")
        assert statuses(said(connection)) == [b"431"]


def test_a_gigantic_line_of_headers_is_refused_before_it_ends(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(HEAD + b"x: " + b"y" * (64 << 10))
        assert statuses(said(connection)) == [b"431"]


def test_who_is_refused_while_he_still_sends_learns_why(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(HEAD + b"x: ")
        for _ in range(64):
            connection.sendall(b"y" * (64 << 10))
        assert statuses(said(connection)) == [b"431"]
        connection.sendall(b"more")


def test_trailers_of_an_answer_come_after_its_chunks(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(GRPC)
        answer = said(connection, b"grpc-status: 0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"5\r\n" + bytes(5) + b"\r\n0\r\ngrpc-status: 0\r\n\r\n"


def test_answers_carry_the_date_and_a_length(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = said(connection, b"\r\n\r\n")
    assert b"\r\ndate: " in answer
    assert b"content-length: 0\r\n" in answer


def test_a_client_that_takes_no_answers_is_not_read_for_ever(ingest: RunningIngest) -> None:
    request = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(ingest) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(2)
        with pytest.raises((TimeoutError, ConnectionError)):
            connection.sendall(request * 2_000_000)
    with connect(ingest) as connection:
        connection.sendall(POST)
        assert statuses(said(connection, b"\r\n\r\n")) == [b"200"]


def test_bodies_of_answers_to_head_are_left_out(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(b"HEAD /nowhere HTTP/1.1\r\nhost: x\r\n\r\n" + POST)
        answer = said(connection, b"HTTP/1.1 200")
    assert statuses(answer) == [b"404", b"200"]
    assert b"\r\n\r\nHTTP/1.1 200" in answer


def test_a_client_that_ends_its_side_after_its_request_is_answered(ingest: RunningIngest) -> None:
    with connect(ingest) as connection:
        connection.sendall(POST)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(said(connection)) == [b"200"]


def test_what_follows_the_last_request_of_a_connection_does_not_cost_its_answer(ingest: RunningIngest) -> None:
    last = POST.replace(b"host: x", b"host: x\r\nconnection: close")
    for rest in (b"\r\n", b"garbage", b"\r\n\r\n" + POST):
        with connect(ingest) as connection:
            connection.sendall(last + rest)
            assert statuses(said(connection)) == [b"200"]


def test_very_many_offers_at_once_are_declined_one_after_the_other(ingest: RunningIngest) -> None:
    offer = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    with connect(ingest) as connection:
        connection.sendall(offer * 3000 + b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert statuses(said(connection)) == [b"200"] * 3001


def test_requests_without_end_are_read_no_faster_than_they_are_answered(ingest: RunningIngest) -> None:
    pid = ingest.process.process.pid
    before = resident(pid)
    request = b"GET / HTTP/1.1\r\nhost:\r\n\r\n"
    with connect(ingest) as connection, Peak(pid) as peak:
        reading = threading.Thread(target=said, args=(connection,))
        reading.start()
        connection.sendall(request * 400_000)
        connection.shutdown(socket.SHUT_WR)
        reading.join(60)
    assert peak.bytes - before < 64 << 20


def test_a_body_that_never_comes_ends_its_connection_although_it_was_refused(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url, request_timeout_seconds=0.5) as strict, connect(strict) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc")
        assert statuses(said(connection)) == [b"404"]
