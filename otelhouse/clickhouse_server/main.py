"""The life of the `otelhouse clickhouse` process."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from otelhouse.clickhouse_server.app import application
from otelhouse.clickhouse_server.engine import Engine
from otelhouse.clickhouse_server.exchange import Server
from otelhouse.clickhouse_server.respond import BrokenResponse
from otelhouse.clickhouse_server.running import RunningRequests
from otelhouse.clock import Clock
from otelhouse.errors import StartupError
from otelhouse.health import Readiness
from otelhouse.http_server import serve
from otelhouse.listening import bind, listening_address
from otelhouse.telemetry import get_logger

MAX_REQUESTS = 96
MAX_READERS = 48
_LATE_SECONDS = 4.0  # of the eight that otelhouse.http_server drains

_log = get_logger(__name__)


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
    address = listening_address(listen, "--listen")
    with bind(address, "--listen") as bound, _exclusive(data):
        engine = Engine(data)
        try:
            running = RunningRequests(engine.kill, MAX_REQUESTS, MAX_READERS)
            # More threads than requests: stopping one must not wait for one.
            with ThreadPoolExecutor(MAX_REQUESTS + 8, "clickhouse") as threads:
                readiness = Readiness()
                readiness.add("engine", engine.check)
                app = application(Server(engine, threads, running), clock, readiness)
                logging.getLogger("uvicorn.error").addFilter(_expected)
                _stop_the_late(running, stop)
                _log.info("engine open", data=str(data), version=engine.version)
                serve(app, bound, stop, lambda where: ready({"http": where}))
        finally:
            engine.close()
            _log.info("engine closed")


def _stop_the_late(running: RunningRequests, stop: threading.Event) -> None:
    """What still runs when the drain is nearly over is stopped, and so can answer that it was."""

    def watch() -> None:
        stop.wait()
        timer = threading.Timer(_LATE_SECONDS, running.stop_all)
        timer.daemon = True
        timer.start()

    threading.Thread(target=watch, daemon=True, name="late").start()


def _expected(record: logging.LogRecord) -> bool:
    """Leaves out of the log what is no fault: an answer that was broken off on purpose."""
    return not (record.exc_info and isinstance(record.exc_info[1], BrokenResponse))


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
