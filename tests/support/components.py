"""Starting Otelhouse's own processes by their command line, as an operator does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OTELHOUSE = (str(Path(sys.executable).with_name("otelhouse")),)


class ComponentError(AssertionError):
    """A component did not get ready; the message has what it printed."""


@dataclass
class Component:
    """A running component; `ready` is the JSON of its ready line."""

    process: subprocess.Popen[str]
    ready: dict[str, str]
    log: list[str] = field(default_factory=list)

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, wait, return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, as a machine that runs out of memory does."""
        self.process.kill()
        self.process.wait(10)


def start(arguments: list[str], environment: Mapping[str, str], seconds: float = 30.0) -> Component:
    """Start `otelhouse ARGUMENTS` and wait for its ready line. Raises ComponentError."""
    process = subprocess.Popen(
        [*OTELHOUSE, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    log: list[str] = []
    if process.stdout is None or process.stderr is None:
        raise ComponentError("no pipes")
    threading.Thread(target=log.extend, args=(process.stderr,), daemon=True).start()
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.startswith("ready "):
                threading.Thread(target=log.extend, args=(process.stdout,), daemon=True).start()
                return Component(process, json.loads(line.removeprefix("ready ")), log)
    finally:
        timer.cancel()
    process.wait(10)
    raise ComponentError(f"{arguments} ended with {process.returncode} before it was ready:\n{''.join(log[-20:])}")


def run(arguments: list[str], environment: Mapping[str, str], seconds: float = 60.0) -> str:
    """Run `otelhouse ARGUMENTS` to its end and return what it printed. Raises ComponentError if it fails."""
    done = subprocess.run(
        [*OTELHOUSE, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise ComponentError(f"{arguments} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
