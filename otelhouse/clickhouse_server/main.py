"""The life of the `otelhouse clickhouse` process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from otelhouse.clickhouse_server.app import application
from otelhouse.clickhouse_server.engine import Engine
from otelhouse.clickhouse_server.exchange import Server
from otelhouse.clickhouse_server.running import RunningRequests
from otelhouse.clock import Clock
from otelhouse.errors import StartupError
from otelhouse.health import Readiness

MAX_REQUESTS = 96
MAX_READERS = 48
_DRAIN_SECONDS = 6.0
_GIVE_UP_SECONDS = 9

_log = structlog.get_logger(__name__)


def run(
    data: Path,
    listen: str,
    clock: Clock,
    stop: threading.Event,
    ready: Callable[[Mapping[str, str]], None],
) -> None:
    """Serve the engine over the directory `data` on `listen` (HOST:PORT; port 0 picks a free one) until `stop` is set.

    Calls `ready({"http": "HOST:PORT"})` once. Raises StartupError if the directory or the port cannot be had.
    """
    with _bind(listen) as bound, _exclusive(data):
        engine = Engine(data)
        try:
            running = RunningRequests(engine.kill, MAX_REQUESTS, MAX_READERS)
            # More threads than requests: stopping one must not wait for one.
            with ThreadPoolExecutor(MAX_REQUESTS + 8, "clickhouse") as threads:
                readiness = Readiness()
                readiness.add("engine", engine.check)
                app = application(Server(engine, threads, running), clock, readiness)
                host, port = bound.getsockname()[:2]
                address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                _log.info("clickhouse serves", address=address, data=str(data), version=engine.version)
                _serve(app, bound, running, stop, lambda: ready({"http": address}))
        finally:
            engine.close()
            _log.info("clickhouse closed")


class _HttpServer(uvicorn.Server):
    """Says when it serves, and leaves signals to the command line."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _serve(
    app: ASGIApp, bound: socket.socket, running: RunningRequests, stop: threading.Event, started: Callable[[], None]
) -> None:
    # A failed answer is ended by breaking its connection (respond.py); uvicorn would log that as a crash.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GIVE_UP_SECONDS,
        timeout_keep_alive=75,
        http="httptools",
        ws="none",
    )
    server = _HttpServer(config, started)

    def watch() -> None:
        stop.wait()
        server.should_exit = True
        # What is still running then is told so, and can answer with an error.
        late = threading.Timer(_DRAIN_SECONDS, running.stop_all)
        late.daemon = True
        late.start()

    threading.Thread(target=watch, daemon=True, name="stop").start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([bound]))


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
        bound.listen(1024)
    except (OSError, ValueError, OverflowError) as error:
        bound.close()
        raise StartupError(f"clickhouse: cannot listen on {listen}: {error}") from None
    return bound


@contextlib.contextmanager
def _exclusive(data: Path) -> Iterator[None]:
    """Hold the data directory. The lock dies with the process, however it dies."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "otelhouse.lock").open("a")
    except OSError as error:
        raise StartupError(f"data directory {data}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartupError(f"data directory {data} is held by another process") from None
        yield
