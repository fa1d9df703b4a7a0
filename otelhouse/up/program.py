"""What to run as a child, and one run of it."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_MAX_LINE = 256 << 10
_PROBE_SECONDS = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """A child process.

    It is ready when it prints its ready line, or when `probe` (if there is one) returns true. `essential`: its
    repeated deaths end everything. `stop_signal` asks it to drain, `abort_signal` ends it at once.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    essential: bool = True
    probe: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    abort_signal: signal.Signals = signal.SIGKILL
    directory: Path | None = None
    user: int | None = None
    group: int | None = None


LineSink = Callable[[str, str, bool], None]
"""Takes (program's name, line, whether it is a log line rather than ordinary output)."""


class Process:
    """One run of a program, from its start to its end."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, sink: LineSink) -> None:
        self.program = program
        self.pid = process.pid
        self.ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.reason = ""
        """What the child last said was its fault; empty if it said nothing."""
        self._process = process
        self._sink = sink
        self._tasks = [
            asyncio.create_task(self._read(process.stdout, self._on_output)),
            asyncio.create_task(self._read(process.stderr, self._on_log)),
        ]
        if program.probe is not None:
            self._tasks.append(asyncio.create_task(self._poll(program.probe)))

    async def wait(self) -> int:
        """Exit code once it has ended and all it said was read; negative for a signal's number."""
        code = await self._process.wait()
        # A grandchild may keep the pipes open.
        await asyncio.wait(self._tasks, timeout=0.5)
        for task in self._tasks:
            task.cancel()
        if not self.ready.done():
            self.ready.cancel()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; no error if it has ended already."""
        if self._process.returncode is None:
            try:
                self._process.send_signal(number)
            except ProcessLookupError:
                return

    async def _read(self, stream: asyncio.StreamReader | None, on_line: Callable[[str], None]) -> None:
        if stream is None:
            return
        rest = b""
        while data := await stream.read(1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                on_line(line.decode(errors="replace"))
        if rest:
            on_line(rest.decode(errors="replace"))

    def _on_output(self, line: str) -> None:
        if not line.startswith("ready "):
            self._sink(self.program.name, line, False)
        elif not self.ready.done():
            self.ready.set_result(json.loads(line.removeprefix("ready ")))

    def _on_log(self, line: str) -> None:
        if line.startswith("otelhouse: error: "):
            self.reason = line.removeprefix("otelhouse: error: ")
        elif "FATAL: " in line:  # PostgreSQL's
            self.reason = line.partition("FATAL: ")[2].strip()
        self._sink(self.program.name, line, True)

    async def _poll(self, probe: Callable[[], bool]) -> None:
        while not probe():
            await asyncio.sleep(_PROBE_SECONDS)
        if not self.ready.done():
            self.ready.set_result({})


async def start(program: Program, inherited: int, sink: LineSink) -> Process:
    """Start it with the file `inherited` open, in a session of its own: a terminal's Ctrl-C reaches only us."""
    process = await asyncio.create_subprocess_exec(
        *program.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(program.environment),
        cwd=program.directory,
        pass_fds=(inherited,),
        start_new_session=True,
        user=program.user,
        group=program.group,
        extra_groups=() if program.group is not None else None,
        preexec_fn=_ends_with(os.getpid(), program.abort_signal),
    )
    return Process(program, process, sink)


def _ends_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """For the child before it runs the program: end when the parent does, even when that is killed."""

    def prepare() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
