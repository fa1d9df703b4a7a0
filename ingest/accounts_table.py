"""Keeps the table of accounts in PostgreSQL: what is new goes there every few seconds, exactly once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import groupby
from uuid import UUID, uuid4

import psycopg

from ingest.accounts import Accounts, Counts
from otelhouse.accounts import Account, Count, forget, write
from otelhouse.clock import Clock
from otelhouse.postgres import Pool
from otelhouse.telemetry import get_logger

FLUSH_SECONDS = 5.0
"""A replica that dies takes with it the counts of at most this long."""
FORGET_SECONDS = 3600.0
PORTION = 10_000
"""Entries written at a time, about: those of a long outage at once might take longer than a statement may."""
_CONNECT_SECONDS = 2.0

Entries = list[tuple[Account, Count]]

_log = get_logger(__name__)


class AccountsTable:
    """One replica's writer. While PostgreSQL is down counts wait in memory, joined to hours when they get many."""

    def __init__(self, accounts: Accounts, pool: Pool, clock: Clock) -> None:
        self._accounts = accounts
        self._pool = pool
        self._clock = clock
        self._writer: UUID = uuid4()
        self._sequence = 1  # of the first of the unwritten portions
        self._unwritten: deque[Entries] = deque()
        self._forgot = clock.monotonic()
        self._down = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._flush_until_closed, name="accounts", daemon=True)

    def start(self) -> None:
        """Begin to write in the background."""
        self._thread.start()

    def close(self, seconds: float = _CONNECT_SECONDS) -> None:
        """Write what is left, within about this time."""
        self._stop.set()
        self._thread.join(seconds)

    def flush(self) -> None:
        """Write what is new. Raises psycopg.Error; then the same is written by the next flush, once."""
        if not self._unwritten:
            self._unwritten.extend(_portions(self._accounts.take()))
        while self._unwritten:
            with self._pool.connection(_CONNECT_SECONDS) as connection:
                write(connection, self._writer, self._sequence, self._unwritten[0])
            self._unwritten.popleft()
            self._sequence += 1

    def _flush_until_closed(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._try_to_flush()
            if self._clock.monotonic() - self._forgot >= FORGET_SECONDS and not self._down:
                self._forgot = self._clock.monotonic()
                self._try_to_forget()
        self._try_to_flush()
        if not self._down:
            self._try_to_flush()  # what came in while an older delta waited
        if self._unwritten:
            _log.error("accounts are lost: PostgreSQL is down", entries=sum(map(len, self._unwritten)))

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except psycopg.Error as error:
            if not self._down:  # once, not at each try
                _log.warning("accounts wait for PostgreSQL", error=str(error).strip())
            self._down = True
        else:
            self._down = False

    def _try_to_forget(self) -> None:
        try:
            with self._pool.connection(_CONNECT_SECONDS) as connection:
                forget(connection)
        except psycopg.Error as error:
            _log.warning("old accounts are not deleted", error=str(error).strip())


def _portions(counts: Counts) -> Iterator[Entries]:
    """What belongs to one balance, that of a tenant, signal and minute, stays together."""
    portion: Entries = []
    for _, entries in groupby(sorted(counts.items(), key=lambda entry: entry[0]), key=lambda entry: entry[0][:3]):
        portion += entries
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion
