"""Keeps programs running: starts them again with backoff, gives up after repeated deaths, drains in order."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from otelhouse.clock import Clock
from otelhouse.component import EXIT_CANNOT_START
from otelhouse.errors import StartupError
from otelhouse.telemetry import get_logger
from otelhouse.up.program import LineSink, Process, Program, start

MAX_DEATHS = 5
DEATHS_WITHIN_SECONDS = 60.0

_FIRST_BACKOFF = 0.1
_MAX_BACKOFF = 10.0
_KILL_SECONDS = 0.5
_ONCE_SECONDS = 1.0

_log = get_logger(__name__)


class Kept:
    """A program that is being kept running."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: Process | None = None
        self.first_ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.stopping = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.deaths: deque[float] = deque(maxlen=MAX_DEATHS)


class Supervisor:
    """Owns the children. All methods belong to one event loop."""

    def __init__(self, clock: Clock, inherited: int, sink: LineSink) -> None:
        self._clock = clock
        self._inherited = inherited
        self._sink = sink
        self._kept: dict[str, Kept] = {}
        self._once: list[Process] = []
        self._draining = False
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Resolves to the reason when an essential program cannot be kept running."""

    async def run_once(self, program: Program) -> None:
        """Run it to its end. Raises StartupError with what it said if it fails.

        If this is cancelled, the process goes on until drain() or abort().
        """
        self._refuse_while_draining(program)
        try:
            process = await start(program, self._inherited, self._sink)
        except OSError as error:
            raise StartupError(_not_started(program, error)) from None
        self._once.append(process)
        code = await process.wait()
        self._once.remove(process)
        if code:
            raise StartupError(process.reason or f"{program.name} {_ended(code)}")

    def keep(self, program: Program) -> Kept:
        """Start it, and again whenever it ends. Raises StartupError once a drain began."""
        self._refuse_while_draining(program)
        kept = Kept(program)
        self._kept[program.name] = kept
        kept.task = asyncio.create_task(self._keep(kept), name=program.name)
        return kept

    async def ready(self, *programs: Kept) -> list[Mapping[str, str]]:
        """Wait until each has been ready once; their ready lines. Raises StartupError if that cannot be."""
        pending: set[asyncio.Future[Any]] = {kept.first_ready for kept in programs}
        while pending and not self.failed.done():
            done, _ = await asyncio.wait(pending | {self.failed}, return_when=asyncio.FIRST_COMPLETED)
            pending -= done
        if self.failed.done():
            raise StartupError(self.failed.result())
        return [kept.first_ready.result() for kept in programs]

    def unready(self) -> list[str]:
        """Names of the programs that have not been ready yet, or have not run to their end."""
        kept = [name for name, one in self._kept.items() if not one.first_ready.done()]
        return kept + [process.program.name for process in self._once]

    async def drain(self, stages: Sequence[tuple[tuple[str, ...], float]]) -> None:
        """Stop programs stage by stage: (names, seconds after which those left are ended at once).

        What runs once goes first: it works on what the stages stop.
        """
        self._draining = True
        await self._stop_once()
        for names, seconds in stages:
            kept = [self._kept[name] for name in names if name in self._kept]
            tasks = [one.task for one in kept if one.task is not None]
            for one in kept:
                one.stopping.set()
                if one.process is not None:
                    one.process.send(one.program.stop_signal)
            if not tasks:
                continue
            begun = self._clock.monotonic()
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for one in kept:
                if one.task in late and one.process is not None:
                    _log.error("did not drain in time", child=one.program.name, seconds=seconds)
                    one.process.send(one.program.abort_signal)
            if late:
                await asyncio.wait(late, timeout=_KILL_SECONDS)
            _log.debug("drained", children=names, seconds=round(self._clock.monotonic() - begun, 2))

    def abort(self) -> None:
        """End all children at once."""
        for kept in self._kept.values():
            kept.stopping.set()
        for process in [*self._once, *(kept.process for kept in self._kept.values() if kept.process)]:
            process.send(process.program.abort_signal)

    def _refuse_while_draining(self, program: Program) -> None:
        if self._draining:
            raise StartupError(f"{program.name} is not started: everything is being stopped")

    async def _stop_once(self) -> None:
        running = {asyncio.create_task(process.wait()): process for process in self._once}
        if not running:
            return
        for process in running.values():
            process.send(process.program.stop_signal)
        _, late = await asyncio.wait(running, timeout=_ONCE_SECONDS)
        for task in late:
            running[task].send(running[task].program.abort_signal)
        if late:
            await asyncio.wait(late, timeout=_KILL_SECONDS)

    async def _keep(self, kept: Kept) -> None:
        program = kept.program
        while not kept.stopping.is_set():
            started = self._clock.monotonic()
            try:
                process = await start(program, self._inherited, self._sink)
            except OSError as error:
                self._fail(_not_started(program, error))
                return
            kept.process = process
            if kept.stopping.is_set():
                process.send(program.stop_signal)
            process.ready.add_done_callback(lambda ready: _note_ready(kept, ready))
            code = await process.wait()
            kept.process = None
            if kept.stopping.is_set():
                return
            self._note_death(kept, process, code, self._clock.monotonic() - started)
            await self._back_off(kept)

    def _note_death(self, kept: Kept, process: Process, code: int, lived: float) -> None:
        now = self._clock.monotonic()
        kept.deaths.append(now)
        name, how = kept.program.name, process.reason or _ended(code)
        _log.error("child ended", child=name, pid=process.pid, how=_ended(code), reason=process.reason, lived=lived)
        if not kept.program.essential:
            return
        if code == EXIT_CANNOT_START and not kept.first_ready.done():  # it says itself that it cannot start
            self._fail(f"{name}: {how}")
        elif len(kept.deaths) == MAX_DEATHS and now - kept.deaths[0] <= DEATHS_WITHIN_SECONDS:
            self._fail(f"{name} ended {MAX_DEATHS} times within {DEATHS_WITHIN_SECONDS:.0f} s, last: {how}")

    def _fail(self, reason: str) -> None:
        if not self.failed.done():
            self.failed.set_result(reason)

    async def _back_off(self, kept: Kept) -> None:
        """A first death costs a tenth of a second, each further one within a minute twice as much."""
        now = self._clock.monotonic()
        recent = sum(now - death <= DEATHS_WITHIN_SECONDS for death in kept.deaths)
        seconds = min(_FIRST_BACKOFF * 2 ** (recent - 1), _MAX_BACKOFF)
        try:
            await asyncio.wait_for(kept.stopping.wait(), seconds)
        except TimeoutError:
            return


def _note_ready(kept: Kept, ready: asyncio.Future[Mapping[str, str]]) -> None:
    if not ready.cancelled() and not kept.first_ready.done():
        kept.first_ready.set_result(ready.result())


def _not_started(program: Program, error: OSError) -> str:
    return f"cannot start {program.name}: {error.filename or program.command[0]}: {error.strerror}"


def _ended(code: int) -> str:
    return f"exited with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
