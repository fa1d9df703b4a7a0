"""The life of the `otelhouse clickhouse` process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from otelhouse.clickhouse_server.app import application
from otelhouse.clickhouse_server.engine import Engine
from otelhouse.clickhouse_server.running import RunningRequests
from otelhouse.clock import Clock
from otelhouse.errors import StartupError
from otelhouse.health import Readiness

MAX_REQUESTS = 64
_DRAIN_SECONDS = 8


def run(
    data: Path,
    listen: str,
    clock: Clock,
    stop: threading.Event,
    ready: Callable[[Mapping[str, str]], None],
) -> None:
    """Serve the engine over `data` on `listen` (HOST:PORT, port 0 picks a free one) until `stop` is set."""
    with _bind(listen) as server_socket, _exclusive(data):
        engine = Engine(data, Path(__file__).with_name("engine.xml"))
        running = RunningRequests(engine.kill, MAX_REQUESTS)
        with ThreadPoolExecutor(MAX_REQUESTS + 8, "clickhouse") as threads:
            app = application(engine, threads, running, Readiness())
            host, port = server_socket.getsockname()[:2]
            _serve(app, server_socket, stop, lambda: ready({"http": f"{host}:{port}"}))
        engine.close()


def _serve(app: object, server_socket: socket.socket, stop: threading.Event, started: Callable[[], None]) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # a broken answer is meant to break the connection
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] # an ASGI application
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        http="httptools",
        loop="uvloop",
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        task = asyncio.create_task(server._serve([server_socket]))
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        started()
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await task

    config.setup_event_loop() if False else None
    asyncio.run(serve())


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError) as error:
        bound.close()
        raise StartupError(f"clickhouse: cannot listen on {listen}: {error}") from None
    return bound


@contextlib.contextmanager
def _exclusive(data: Path):  # type: ignore[no-untyped-def]
    yield
