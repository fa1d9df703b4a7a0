"""`otelhouse up`: prepare, start the stores, migrate, start the components, say ready, and drain in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from otelhouse.clock import Clock
from otelhouse.component import STOP_SIGNALS, Ready, report_startup_error
from otelhouse.config import Settings
from otelhouse.errors import StartupError
from otelhouse.telemetry import get_logger, log_format
from otelhouse.up import plan
from otelhouse.up.data_directory import HeldDirectory, hold
from otelhouse.up.logs import forward
from otelhouse.up.postgres import EmbeddedPostgres, embedded_postgres
from otelhouse.up.program import Program
from otelhouse.up.supervisor import Supervisor

_URL_FILE = "postgres.url"
"""In the data directory, so that `OTELHOUSE_POSTGRES_URL_FILE=DIR/postgres.url otelhouse keys` finds the server."""

# In the data's order, so that what was accepted is stored; together below the 15 seconds that a stop may take.
_DRAIN = (
    (tuple(f"demo-{name}" for name in plan.DEMO_SERVICES), 1.5),
    (("ingest",), 4.0),
    (("processor", "query"), 4.5),
    (("clickhouse",), 2.5),
    (("postgres",), 1.5),
)

START_SECONDS = 600.0
"""Two to six are usual; without a cache of compiled kernels it takes two cores two to five minutes."""
_PATIENCE_SECONDS = 5.0

_log = get_logger(__name__)


def run(
    settings: Settings, clock: Clock, environment: Mapping[str, str], config: Path | None, demo: bool, ready: Ready
) -> int:
    """Run until a signal asks to stop. Returns the exit code; raises StartupError before anything was started."""
    with ExitStack() as parts:
        held = parts.enter_context(hold(settings.data, clock))
        addresses = plan.choose(settings)
        postgres = parts.enter_context(embedded_postgres(held.path))
        (held.path / _URL_FILE).write_text(postgres.url + "\n")
        children = plan.child_environment(settings, environment, config, held.path, addresses, postgres.url)
        shop = plan.demo(children, addresses) if demo else ()
        up = _Up(settings, clock, held, postgres, addresses, children, shop, ready)
        return asyncio.run(up.run())


class _Up:
    """One life of the supervisor."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        held: HeldDirectory,
        postgres: EmbeddedPostgres,
        addresses: plan.Addresses,
        environment: Mapping[str, str],
        shop: Sequence[Program],
        ready: Ready,
    ) -> None:
        self._json = log_format(settings.telemetry) == "json"
        self._clock = clock
        self._held = held
        self._postgres = postgres
        self._addresses = addresses
        self._environment = environment
        self._shop = shop
        self._ready = ready

    async def run(self) -> int:
        """Start, serve, drain."""
        supervisor = Supervisor(self._clock, self._held.lock, partial(forward, self._json))
        stop = self._stop_on_signals(supervisor)
        serving = asyncio.create_task(self._serve(supervisor))
        either: set[asyncio.Future[Any]] = {serving, asyncio.create_task(stop.wait())}
        _, left = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            await _end(task)  # so that nothing is started any more while what was started is stopped
        await supervisor.drain(_DRAIN)
        return await _outcome(serving)

    async def _serve(self, supervisor: Supervisor) -> str:
        """Returns the reason why it cannot go on, if it ever does; raises StartupError."""
        begun = self._clock.monotonic()
        starting = asyncio.create_task(self._start(supervisor))
        try:
            await self._started(starting, supervisor, begun)
        finally:
            await _end(starting)
        _log.info("ready", seconds=round(self._clock.monotonic() - begun, 2), **self._addresses.public())
        self._ready(self._addresses.public())
        for program in self._shop:
            supervisor.keep(program)
        return await supervisor.failed

    async def _started(self, starting: asyncio.Task[None], supervisor: Supervisor, begun: float) -> None:
        """Wait for it, saying now and then what for. Raises StartupError."""
        while not (await asyncio.wait({starting}, timeout=_PATIENCE_SECONDS))[0]:
            waited, unready = self._clock.monotonic() - begun, supervisor.unready()
            if waited > START_SECONDS:
                raise StartupError(f"not ready within {START_SECONDS:.0f} s: {', '.join(unready)}")
            _log.info("still starting", waiting_for=unready, seconds=round(waited))
        await starting

    async def _start(self, supervisor: Supervisor) -> None:
        """The stores and their tables, then the components. Raises StartupError."""
        migrated = asyncio.create_task(supervisor.run_once(plan.migrate(self._environment)))
        try:
            await self._start_stores(supervisor, migrated)
        finally:
            await _end(migrated)
        await supervisor.ready(*(supervisor.keep(program) for program in plan.components(self._environment)))

    async def _start_stores(self, supervisor: Supervisor, migrated: asyncio.Task[None]) -> None:
        """Start both and wait until they are migrated. Raises StartupError."""
        supervisor.keep(plan.clickhouse(self._environment, self._held.path, self._addresses))
        if (make := self._postgres.make(self._environment)) is not None:
            await supervisor.run_once(make)
            self._postgres.finish()
        supervisor.keep(self._postgres.serve(self._environment))
        either: set[asyncio.Future[Any]] = {migrated, supervisor.failed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if supervisor.failed.done():
            raise StartupError(supervisor.failed.result())
        await migrated

    def _stop_on_signals(self, supervisor: Supervisor) -> asyncio.Event:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal(number: signal.Signals) -> None:
            if stop.is_set():
                supervisor.abort()
                os._exit(128 + number)
            _log.info("stopping", signal=number.name)
            stop.set()

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal, number)
        return stop


async def _end(task: asyncio.Future[Any]) -> None:
    """Cancel it and wait until it has ended. If it fails meanwhile, something else is the reason to tell."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _outcome(serving: asyncio.Task[str]) -> int:
    """Exit code; the reason is the last line on standard error."""
    try:
        reason = StartupError(await serving)
    except asyncio.CancelledError:  # a signal came first
        return 0
    except StartupError as error:
        reason = error
    return report_startup_error(reason)
