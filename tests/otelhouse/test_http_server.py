"""Serving HTTP for a component: binding, answering quickly, draining."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from otelhouse.address import Address
from otelhouse.config import QuerySettings
from otelhouse.errors import StartupError
from otelhouse.http_server import serve
from otelhouse.listening import bind, listening_address
from otelhouse.tls import TlsFiles
from tests.support.certificates import Authority
from tests.support.graphql import eventually


async def _slow(request: Request) -> Response:
    await anyio.sleep(0.5)
    return PlainTextResponse("done")


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


@contextmanager
def _serving(tls: TlsFiles | None = None) -> Iterator[tuple[Address, threading.Event, threading.Thread]]:
    stop, ready, app = threading.Event(), threading.Event(), Starlette(routes=[Route("/slow", _slow), _POST])
    with bind(Address("127.0.0.1", 0), "x.http") as bound:
        thread = threading.Thread(target=serve, args=(app, bound, stop, lambda _: ready.set(), tls))
        thread.start()
        try:
            assert ready.wait(5)
            yield Address(*bound.getsockname()), stop, thread
        finally:
            stop.set()
            thread.join(10)


_POST = Route("/echo", _echo, methods=["POST"])


@pytest.mark.parametrize("text", ["", "8080", "localhost", "localhost:99999", "localhost:x"])
def test_an_address_that_is_none_is_named_by_its_setting(text: str) -> None:
    with pytest.raises(StartupError, match=r"^x\.http: "):
        listening_address(text, "x.http")


def test_a_busy_port_is_named_by_its_setting_and_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(StartupError, match=rf"^x\.http: cannot listen on {address}: Address already in use"):
            bind(address, "x.http")


def test_two_may_not_serve_one_port() -> None:
    with bind(Address("127.0.0.1", 0), "x.http") as first, pytest.raises(StartupError):
        bind(Address(*first.getsockname()), "y.http")


def test_answers_on_a_kept_connection_wait_for_no_timer() -> None:
    with _serving() as (address, _, _):
        connection = http.client.HTTPConnection(*address, timeout=5)
        took = []
        for _ in range(20):
            began = time.perf_counter()
            connection.request("POST", "/echo", b"x" * 100)
            assert connection.getresponse().read() == b"x" * 100
            took.append(time.perf_counter() - began)
        connection.close()
    # Nagle's algorithm against delayed acknowledgements makes it 40 ms, each time.
    assert sorted(took)[10] < 0.03


def test_a_request_under_way_is_answered_after_the_stop() -> None:
    with _serving() as (address, stop, thread):
        connection = http.client.HTTPConnection(*address, timeout=5)
        connection.request("GET", "/slow")
        time.sleep(0.1)
        stop.set()
        assert connection.getresponse().read() == b"done"
        connection.close()
        thread.join(5)
        assert not thread.is_alive()
        with pytest.raises(OSError, match="refused"):
            http.client.HTTPConnection(*address, timeout=1).connect()


def test_idle_connections_do_not_hold_up_the_stop() -> None:
    with _serving() as (address, stop, thread), socket.create_connection(address):
        stop.set()
        thread.join(3)
        assert not thread.is_alive()


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    live = QuerySettings(tls_certificate=str(tmp_path / "tls.crt"), tls_key=str(tmp_path / "tls.key"))

    def install(name: str) -> None:
        pair = authority.sign(name, "IP:127.0.0.1")
        shutil.copy(pair.certificate, live.tls_certificate)
        shutil.copy(pair.key, live.tls_key)

    def serial(address: Address) -> str:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        with (
            socket.create_connection(address, timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as shown,
        ):
            return str((shown.getpeercert() or {})["serialNumber"])

    install("first")
    with _serving(TlsFiles.of(live, "query")) as (address, _, _):
        first = serial(address)
        install("second")
        eventually(lambda: serial(address), lambda found: found != first, 10)
