"""What to run as a child, and one run of it."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from otelhouse.up.privileges import become

_PR_SET_PDEATHSIG = 1
_MAX_LINE = 256 << 10
_PROBE_SECONDS = 0.02
_LAST_WORDS_SECONDS = 0.5
_STDOUT, _STDERR = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """A child process.

    It is ready when it prints its ready line, or when `probe` (if there is one) returns true. `essential`: its
    repeated deaths end everything. `stop_signal` asks it to drain, `abort_signal` ends it at once. `user`: ids of
    the user and group to run as, None for our own.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    essential: bool = True
    probe: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    abort_signal: signal.Signals = signal.SIGKILL
    directory: Path | None = None
    user: tuple[int, int] | None = None


LineSink = Callable[[str, str, bool], None]
"""Takes (program's name, line, whether it is a log line rather than ordinary output)."""


class Process(asyncio.SubprocessProtocol):
    """One run of a program, from its start to its end."""

    def __init__(self, program: Program, sink: LineSink) -> None:
        loop = asyncio.get_running_loop()
        self.program = program
        self.pid = 0
        self.ready: asyncio.Future[Mapping[str, str]] = loop.create_future()
        self.reason = ""
        """What the child last said was its fault; empty if it said nothing."""
        self._sink = sink
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited: asyncio.Future[int] = loop.create_future()
        self._silent: asyncio.Future[None] = loop.create_future()
        self._rest = {_STDOUT: b"", _STDERR: b""}
        self._open = {_STDOUT, _STDERR}
        self._polling = asyncio.create_task(self._poll(program.probe)) if program.probe else None

    async def wait(self) -> int:
        """Exit code once it has ended and all it said was read; negative for a signal's number."""
        code = await asyncio.shield(self._exited)
        # A grandchild may keep the pipes open: that is not waited for.
        await asyncio.wait({self._silent}, timeout=_LAST_WORDS_SECONDS)
        if self._transport is not None:
            self._transport.close()
        if self._polling is not None:
            self._polling.cancel()
        self.ready.cancel()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; no error if it has ended already."""
        if self._transport is not None:
            with suppress(ProcessLookupError):
                self._transport.send_signal(number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport
            self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, rest = (self._rest[fd] + data).split(b"\n")
        if len(rest) > _MAX_LINE:
            lines, rest = [*lines, rest], b""
        self._rest[fd] = rest
        for line in lines:
            self._take(fd, line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if rest := self._rest.get(fd):
            self._take(fd, rest)
        self._open.discard(fd)
        if not self._open and not self._silent.done():
            self._silent.set_result(None)

    def process_exited(self) -> None:
        code = self._transport.get_returncode() if self._transport is not None else None
        self._exited.set_result(-1 if code is None else code)

    def _take(self, fd: int, data: bytes) -> None:
        line = data.decode(errors="replace")
        if fd == _STDERR:
            self._note_reason(line)
        elif line.startswith("ready "):
            if not self.ready.done():
                self.ready.set_result(json.loads(line.removeprefix("ready ")))
            return
        self._sink(self.program.name, line, fd == _STDERR)

    def _note_reason(self, line: str) -> None:
        if line.startswith("otelhouse: error: "):
            self.reason = line.removeprefix("otelhouse: error: ")
        elif "FATAL: " in line:  # PostgreSQL's
            self.reason = line.partition("FATAL: ")[2].strip()

    async def _poll(self, probe: Callable[[], bool]) -> None:
        while not probe():
            await asyncio.sleep(_PROBE_SECONDS)
        if not self.ready.done():
            self.ready.set_result({})


async def start(program: Program, inherited: int, sink: LineSink) -> Process:
    """Start it with the file `inherited` open, in a session of its own: a terminal's Ctrl-C reaches only us."""
    _, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: Process(program, sink),
        *program.command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(program.environment),
        cwd=program.directory,
        pass_fds=(inherited,),
        start_new_session=True,
        preexec_fn=_prepare(os.getpid(), program),
    )
    return process


def _prepare(parent: int, program: Program) -> Callable[[], None]:
    """For the child before it runs the program: its user; and to end when the parent does, even if that is killed."""

    def prepare() -> None:
        if program.user is not None:
            become(*program.user)
        if sys.platform == "linux":  # after the change of user, which clears it
            _libc.prctl(_PR_SET_PDEATHSIG, int(program.abort_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
