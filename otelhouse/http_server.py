"""Serves an ASGI application for a component: says when it serves, drains when told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
import uvloop

from otelhouse.address import Address
from otelhouse.otlp.tracing import traced
from otelhouse.tls import TlsFiles, TlsWatch

DRAIN_SECONDS = 8
_LOOK_SECONDS = 0.05
_KEEP_ALIVE_SECONDS = 75  # longer than the 60 s between two exports of an SDK's metrics


def serve(
    app: Any,
    bound: socket.socket,
    stop: threading.Event,
    serving: Callable[[str], None],
    tls: TlsFiles | None = None,
) -> None:
    """Serve until `stop` is set, then let what is under way finish, for DRAIN_SECONDS at most.

    `serving` is called once, with `host:port` as bound. Signals are left to the command line.
    """
    context = tls.context() if tls is not None else None
    with contextlib.ExitStack() as parts:
        if tls is not None and context is not None:
            watch = TlsWatch(tls, partial(context.load_cert_chain, tls.certificate, tls.key))
            watch.start()
            parts.callback(watch.close)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(app, bound, stop, serving, context))


async def _serve(
    app: Any,
    bound: socket.socket,
    stop: threading.Event,
    serving: Callable[[str], None],
    context: ssl.SSLContext | None,
) -> None:
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
    config.load()
    config.ssl = context  # one of our own, because a renewed certificate goes into it
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
