"""Serves an ASGI application for a component: says when it serves, drains when told to stop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
import uvloop

from otelhouse.address import Address
from otelhouse.otlp.tracing import traced

DRAIN_SECONDS = 8
_LOOK_SECONDS = 0.05
_KEEP_ALIVE_SECONDS = 75  # longer than the 60 s between two exports of an SDK's metrics


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
