"""Heartbeats through PostgreSQL: each replica tells its demand once a second and learns its shares of the limits.

While PostgreSQL is down the last known shares hold. A replica that is cut off from it alone keeps its share, while the
others take that share over after LIVE_SECONDS: for that time the sum is above the limit, by less than the limit itself.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from ingest.limits.limiter import Limiter
from ingest.limits.shares import Place, Shares, own_shares
from otelhouse.postgres import Pool
from otelhouse.telemetry import get_logger
from schema.signal import Signal

BEAT_SECONDS = 1.0
LIVE_SECONDS = 3
"""Who was not heard of for this long is gone; its share goes to the others."""
FORGET_SECONDS = 60
_CONNECT_SECONDS = 1.0

_log = get_logger(__name__)


class Heartbeat:
    """One replica's. `beat()` may block for seconds; its times are PostgreSQL's, so replicas' clocks do not matter."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._replica: UUID = uuid4()

    def beat(self, demand: dict[Place, float]) -> Shares:
        """Tell this replica's demand (fractions of each limit) and hear its shares. Raises psycopg.Error."""
        told = {f"{signal.value}/{tenant}": round(asked, 6) for (tenant, signal), asked in demand.items()}
        with self._pool.connection(_CONNECT_SECONDS) as connection:
            connection.execute(
                "INSERT INTO ingest_replicas (replica, beat_at, demand) VALUES (%s, clock_timestamp(), %s)"
                " ON CONFLICT (replica) DO UPDATE SET beat_at = excluded.beat_at, demand = excluded.demand",
                (self._replica, Jsonb(told)),
            )
            rows = connection.execute(
                "SELECT demand FROM ingest_replicas"
                " WHERE replica <> %s AND beat_at > clock_timestamp() - make_interval(secs => %s)",
                (self._replica, LIVE_SECONDS),
            ).fetchall()
        return own_shares(_places(told), [_places(row[0]) for row in rows])

    def leave(self) -> None:
        """Give this replica's shares to the others at once; forget who died without a word. Raises psycopg.Error."""
        with self._pool.connection(_CONNECT_SECONDS) as connection:
            connection.execute(
                "DELETE FROM ingest_replicas"
                " WHERE replica = %s OR beat_at < clock_timestamp() - make_interval(secs => %s)",
                (self._replica, FORGET_SECONDS),
            )


class Sharing:
    """Keeps a limiter's shares up to date, on the event loop that the limiter lives on."""

    def __init__(self, limiter: Limiter, heartbeat: Heartbeat) -> None:
        self._limiter = limiter
        self._heartbeat = heartbeat
        self._thread = ThreadPoolExecutor(1, "heartbeat")
        self._down = False
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat, on the running event loop."""
        self._beating = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            with suppress(psycopg.Error):
                await self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """One heartbeat. Raises psycopg.Error; then the shares are as before."""
        loop = asyncio.get_running_loop()
        try:
            shares = await loop.run_in_executor(self._thread, self._heartbeat.beat, self._limiter.demand())
        except psycopg.Error as error:
            if not self._down:  # once, not each second
                _log.warning("limits are not shared anew: the last known shares hold", error=str(error).strip())
            self._down = True
            raise
        self._down = False
        self._limiter.share(shares)

    async def close(self) -> None:
        """Stop, and leave this replica's shares to the others if PostgreSQL is there."""
        if self._beating is not None:
            self._beating.cancel()
        with suppress(psycopg.Error, RuntimeError, TimeoutError):
            leaving = asyncio.get_running_loop().run_in_executor(self._thread, self._heartbeat.leave)
            await asyncio.wait_for(leaving, _CONNECT_SECONDS)
        self._thread.shutdown(wait=False, cancel_futures=True)


def _places(told: dict[str, float]) -> dict[Place, float]:
    """`signal/tenant` -> its place; signals that this release does not know are left out."""
    places: dict[Place, float] = {}
    for name, asked in told.items():
        signal, _, tenant = name.partition("/")
        with suppress(ValueError):
            places[tenant, Signal(int(signal))] = float(asked)
    return places
