"""Serves an ASGI application for a component: binds first, says when it serves, drains when told to stop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
import uvloop

from otelhouse.address import Address, parse_address
from otelhouse.errors import StartupError
from otelhouse.otlp.tracing import traced

DRAIN_SECONDS = 8
_BACKLOG = 1024
_LOOK_SECONDS = 0.05
_KEEP_ALIVE_SECONDS = 75  # longer than the 60 s between two exports of an SDK's metrics


def listening_address(text: str, setting: str) -> Address:
    """Read `host:port`. Raises StartupError, naming the setting."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise StartupError(f"{setting}: {error}") from None


def bind(address: Address, setting: str) -> socket.socket:
    """A bound TCP socket, for the caller to close. Raises StartupError, naming the setting and the address."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns off Nagle's algorithm only where the protocol is named, and it costs 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Two sockets may bind one port with SO_REUSEADDR; only one may listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise StartupError(f"{setting}: cannot listen on {address}: {error.strerror or error}") from None
    return bound


def serve(app: Any, bound: socket.socket, stop: threading.Event, serving: Callable[[str], None]) -> None:
    """Serve until `stop` is set, then let what is under way finish, for DRAIN_SECONDS at most.

    `serving` is called once, with `host:port` as bound. Signals are left to the command line.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_here(app, bound, stop, serving))


async def serve_here(app: Any, bound: socket.socket, stop: threading.Event, serving: Callable[[str], None]) -> None:
    """serve() inside the caller's event loop."""
    config = uvicorn.Config(
        traced(app),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    # Its serve() would take over the process' signals.
    task = asyncio.create_task(server._serve([bound]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if not task.done():
        host, port = bound.getsockname()[:2]
        serving(str(Address(host, port)))
    while not stop.is_set() and not task.done():
        await asyncio.sleep(_LOOK_SECONDS)
    server.should_exit = True
    await task
