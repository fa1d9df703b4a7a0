"""Connections to the metadata store."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from otelhouse.config import PostgresSettings

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10

Connection = psycopg.Connection[tuple[Any, ...]]
Pool = ConnectionPool[Connection]

CHANGES_CHANNEL = "otelhouse_changes"
"""Where PostgreSQL notifies of rows in `changes`."""
CHANGES_LOCK = 8031170734301012339
"""Advisory lock that is held from the taking of a change's number to its commit (schema/postgres/0002_rules.sql)."""


def _conninfo(settings: PostgresSettings, statement_seconds: float) -> str:
    """The user's string with our timeouts where it has none: a store that hangs must not hang us."""
    given = conninfo_to_dict(settings.url.get_secret_value())
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "otelhouse",
        "keepalives_idle": 10,
        "tcp_user_timeout": 15_000,
        "options": f"-c statement_timeout={int(statement_seconds * 1000)}",
    }
    return make_conninfo(**{**ours, **given})


def connect(settings: PostgresSettings, statement_seconds: float = STATEMENT_SECONDS) -> Connection:
    """One connection in autocommit mode, for the caller to close. Raises psycopg.OperationalError if there is none."""
    return psycopg.connect(_conninfo(settings, statement_seconds), autocommit=True)


def open_pool(settings: PostgresSettings, max_size: int = 4) -> Pool:
    """A pool in autocommit mode, for the caller to close.

    Opening waits for nothing, so a component starts while PostgreSQL is down. `pool.connection()` raises
    psycopg_pool.PoolTimeout (a psycopg.OperationalError) after five seconds without a connection.
    """
    return ConnectionPool(
        _conninfo(settings, STATEMENT_SECONDS),
        min_size=0,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        max_idle=60,
        reconnect_timeout=30,
        kwargs={"autocommit": True},
        check=ConnectionPool.check_connection,
        open=True,
        name="postgres",
    )


def check(settings: PostgresSettings) -> None:
    """For /readyz: raises psycopg.Error if PostgreSQL does not answer within about two seconds."""
    with psycopg.connect(make_conninfo(_conninfo(settings, 2), connect_timeout=2), autocommit=True) as connection:
        connection.execute("SELECT 1")
