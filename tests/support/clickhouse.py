"""The embedded ClickHouse as a child process, for tests that need the real engine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from otelhouse.clickhouse import connect
from otelhouse.config import ClickHouseSettings


class ClickHouseError(AssertionError):
    """The server did not get ready; the message has what it printed."""


@dataclass
class ClickHouse:
    """A server over a data directory. `url` stays the same over a restart."""

    data: Path
    listen: str = "127.0.0.1:0"
    url: str = ""
    log: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    def start(self, seconds: float = 20.0) -> None:
        """Start and wait for its ready line. Raises ClickHouseError."""
        command = [
            sys.executable,
            "-m",
            "otelhouse.clickhouse_server",
            "--data",
            str(self.data),
            "--listen",
            self.listen,
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if process.stdout is None or process.stderr is None:
            raise ClickHouseError("no pipes")
        self.process = process
        self._reader = threading.Thread(target=self.log.extend, args=(process.stderr,), daemon=True)
        self._reader.start()
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        line = next((line for line in process.stdout if line.startswith("ready ")), "")
        timer.cancel()
        if not line.startswith("ready "):
            raise ClickHouseError(f"no ready line, exit code {process.wait(10)}: {''.join(self.log)}")
        self.listen = json.loads(line.removeprefix("ready "))["http"]
        self.url = f"http://{self.listen}"

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, wait, return the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._release()
        return code

    def kill(self) -> None:
        """SIGKILL, as a machine that runs out of memory does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self._release()

    def restart(self) -> None:
        """Start again on the same directory and port, after `stop` or `kill` or instead of them."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.start()

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.join(5)
        for stream in (self.process.stdout, self.process.stderr) if self.process is not None else ():
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def start_clickhouse(data: Path, listen: str = "127.0.0.1:0") -> Iterator[ClickHouse]:
    """A running server; ended when the block ends."""
    server = ClickHouse(data, listen)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()


def external_url() -> str | None:
    """A server that the caller of the tests provides instead (OTELHOUSE_TEST_CLICKHOUSE_URL)."""
    return os.environ.get("OTELHOUSE_TEST_CLICKHOUSE_URL") or None


@pytest.fixture
def clickhouse_settings(shared_clickhouse: str) -> Iterator[ClickHouseSettings]:
    """Settings with a fresh database on the server that all tests share."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with contextlib.closing(connect(ClickHouseSettings(url=shared_clickhouse), database="")) as client:
        client.command(f"CREATE DATABASE {name}")
        yield ClickHouseSettings(url=shared_clickhouse, database=name)
        client.command(f"DROP DATABASE {name} SYNC")
