"""An embedded log with one topic, and processes to disturb it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from tests.otelhouse.bus.child import TOPIC

Child = Callable[..., AbstractContextManager[subprocess.Popen[str]]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(directory: Path) -> Iterator[EmbeddedLog]:
    """With a retention of 16 MiB and a delivery timeout of a second."""
    settings = LogSettings(retention_bytes=16 << 20, delivery_timeout_seconds=1.0)
    opened = EmbeddedLog(directory, settings, SystemClock())
    opened.admin().ensure_topic(TOPIC, 1)
    yield opened
    opened.close()


@pytest.fixture
def child(directory: Path) -> Child:
    """Start a process of tests/otelhouse/bus/child.py on the directory; killed at the end."""

    @contextmanager
    def start(command: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.otelhouse.bus.child", command, str(directory), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    return start
