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
from typing import IO

OTELHOUSE = (str(Path(sys.executable).with_name("otelhouse")),)


class ComponentError(AssertionError):
    """A component did not get ready; the message has what it printed."""


@dataclass
class Component:
    """A running component; `ready` is the JSON of its ready line."""

    process: subprocess.Popen[str]
    ready: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, wait, return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self._close()
        return code

    def kill(self) -> None:
        """SIGKILL, as a machine that runs out of memory does."""
        self.process.kill()
        self.process.wait(10)
        self._close()

    def collect(self, pipe: IO[str] | None) -> None:
        """Keep reading a pipe into `log`, so that the process never waits for us."""
        if pipe is not None:
            reader = threading.Thread(target=self.log.extend, args=(pipe,), daemon=True)
            reader.start()
            self.readers.append(reader)

    def _close(self) -> None:
        for reader in self.readers:
            reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


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
    component = Component(process)
    component.collect(process.stderr)
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        for line in process.stdout or ():
            if line.startswith("ready "):
                component.ready.update(json.loads(line.removeprefix("ready ")))
                component.collect(process.stdout)
                return component
    finally:
        timer.cancel()
    code = component.stop()
    raise ComponentError(f"{arguments} ended with {code} before it was ready:\n{''.join(component.log[-20:])}")


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
