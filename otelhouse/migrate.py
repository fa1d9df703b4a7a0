"""Applies the migrations of PostgreSQL and ClickHouse: numbered, recorded, one migrator at a time.

PostgreSQL holds the record (`schema_migrations`) and the lock. A statement can be run again, so a
migrator that is killed in the middle leaves nothing to repair: the next one runs that file anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psycopg

from otelhouse import clickhouse, postgres
from otelhouse.clock import Clock
from otelhouse.config import Settings
from otelhouse.errors import StartupError
from schema.clickhouse_ddl import Layout, render
from schema.migrations import Migration, migrations

# Any number of ours that no other user of the database takes for an advisory lock.
LOCK = 0x6F74_656C_686F_7573

_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    store text NOT NULL,
    version integer NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, version)
)
"""

LOCK_SECONDS = 60.0
"""How long another migrator is waited for, at least."""
_RETRY_SECONDS = 0.25
_STATEMENT_SECONDS = 300.0

Postgres = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: names of the migrations applied, by store; none means that all were in place."""

    postgres: tuple[str, ...]
    clickhouse: tuple[str, ...]


def migrate(settings: Settings, clock: Clock, wait_seconds: float = 0.0) -> Report:
    """Bring both stores up to date.

    A store that cannot be reached is tried again for `wait_seconds`; another migrator is waited for LOCK_SECONDS
    or longer. Raises StartupError: one line that names the store's setting, or the migration that was changed.
    """
    deadline = clock.monotonic() + wait_seconds
    layout = _layout(settings)
    open_postgres = partial(postgres.connect, settings.postgres, _STATEMENT_SECONDS)
    with _retry(open_postgres, "postgres.url", clock, deadline) as connection:
        _take_lock(connection, max(wait_seconds, LOCK_SECONDS))
        connection.execute(_RECORD)
        applied_postgres = _migrate_postgres(connection)
        client = _retry(partial(_clickhouse_client, settings), "clickhouse.url", clock, deadline)
        try:
            with clickhouse.translated():
                applied_clickhouse = _migrate_clickhouse(connection, client, layout)
        except clickhouse.ClickHouseError as error:
            raise StartupError(f"clickhouse.url: {_first_line(error)}") from error
        finally:
            client.close()
    return Report(applied_postgres, applied_clickhouse)


def _layout(settings: Settings) -> Layout:
    try:
        return Layout(settings.clickhouse.database, settings.clickhouse.cluster)
    except ValueError as error:
        raise StartupError(str(error)) from None


def _retry(attempt: Callable[[], T], setting: str, clock: Clock, deadline: float) -> T:
    pause = threading.Event()
    while True:
        try:
            return attempt()
        except (psycopg.OperationalError, clickhouse.Retryable) as error:
            if clock.monotonic() >= deadline:
                raise StartupError(f"{setting}: {_first_line(error)}") from error
            pause.wait(_RETRY_SECONDS)
        except (psycopg.Error, clickhouse.Permanent) as error:
            raise StartupError(f"{setting}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _take_lock(connection: Postgres, seconds: float) -> None:
    """A session's lock: PostgreSQL releases it when the connection ends, however it ends."""
    connection.execute(f"SET lock_timeout = {int(seconds * 1000)}")
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise StartupError(f"another migration has held its lock for {seconds:.0f} s") from None


def _migrate_postgres(connection: Postgres) -> tuple[str, ...]:
    applied = []
    for migration in _pending(migrations("postgres"), _recorded(connection, "postgres"), "postgres"):
        with connection.transaction():
            connection.execute(migration.text.encode())
            _record(connection, "postgres", migration)
        applied.append(migration.name)
    return tuple(applied)


def _clickhouse_client(settings: Settings) -> Any:
    # The database may not exist yet, and a connection to a missing one is refused.
    return clickhouse.connect(settings.clickhouse, database="", send_seconds=_STATEMENT_SECONDS)


def _migrate_clickhouse(connection: Postgres, client: Any, layout: Layout) -> tuple[str, ...]:
    store = f"clickhouse/{layout.cluster}/{layout.database}" if layout.cluster else f"clickhouse/{layout.database}"
    recorded = _recorded(connection, store)
    client.command(layout.create_database())
    # An empty database (a new data directory, another server) needs them all, whatever its predecessor had.
    known = "SELECT count() FROM system.tables WHERE database = {name:String}"
    empty = int(client.query(known, parameters={"name": layout.database}).result_rows[0][0]) == 0
    applied = []
    for migration in _pending(migrations("clickhouse"), recorded, store, again=empty):
        for statement in render(migration.text, layout):
            client.command(statement, settings={"database": layout.database})
        _record(connection, store, migration)
        applied.append(migration.name)
    return tuple(applied)


def _recorded(connection: Postgres, store: str) -> Mapping[int, str]:
    rows = connection.execute("SELECT version, checksum FROM schema_migrations WHERE store = %s", (store,)).fetchall()
    return dict(rows)


def _pending(
    known: tuple[Migration, ...], recorded: Mapping[int, str], store: str, again: bool = False
) -> list[Migration]:
    """Those to apply. Versions recorded by a newer release are left alone: its tables serve us too."""
    for migration in known:
        if recorded.get(migration.version, migration.checksum) != migration.checksum:
            raise StartupError(
                f"migration {migration.name} of {store} was changed after it had been applied: "
                "restore the file and put the change into a new migration"
            )
    return [migration for migration in known if again or migration.version not in recorded]


def _record(connection: Postgres, store: str, migration: Migration) -> None:
    connection.execute(
        "INSERT INTO schema_migrations (store, version, checksum) VALUES (%s, %s, %s) "
        "ON CONFLICT (store, version) DO UPDATE SET checksum = excluded.checksum, applied_at = now()",
        (store, migration.version, migration.checksum),
    )
