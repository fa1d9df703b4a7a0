"""The table of accounts: on a real PostgreSQL, exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from ingest.accounts import Accounts
from ingest.accounts_table import AccountsTable
from ingest.answer import Code
from otelhouse import accounts as table_of
from otelhouse import postgres
from otelhouse.accounts import Line, Outcome, balances, forget, read
from otelhouse.cli import app
from otelhouse.clock import ManualClock
from otelhouse.config import PostgresSettings
from schema.migrations import migrations
from schema.signal import Signal
from tests.support.ingest import NOWHERE

EVER = datetime(2000, 1, 1, tzinfo=UTC)
LIMITED = [
    Line("acme", Signal.LOGS, Outcome.RECEIVED, "", 7, 1, 100),
    Line("acme", Signal.LOGS, Outcome.LIMITED, "items_per_second", 7, 1, 100),
]


@pytest.fixture
def settings(postgres_url: str) -> PostgresSettings:
    found = PostgresSettings(url=SecretStr(postgres_url))
    with postgres.connect(found) as connection:
        for migration in migrations("postgres"):
            connection.execute(migration.text.encode())
    return found


@pytest.fixture
def pool(settings: PostgresSettings) -> Iterator[postgres.Pool]:
    found = postgres.open_pool(settings)
    yield found
    found.close()


def lines(pool: postgres.Pool, tenant: str = "") -> list[Line]:
    with pool.connection() as connection:
        return read(connection, tenant, EVER)


class Unsure:
    """A pool whose connection is lost after the commit, so that nobody knows whether it was one."""

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool
        self.breaks = True

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Any]:
        with self._pool.connection(timeout) as connection:
            yield connection
        if self.breaks:
            raise psycopg.OperationalError("the connection is lost")


def test_what_several_replicas_count_is_summed_up(pool: postgres.Pool) -> None:
    clock = ManualClock()
    for _ in range(2):
        accounts = Accounts(clock)
        table = AccountsTable(accounts, pool, clock)
        for _ in range(3):
            accounts.limited("acme", Signal.LOGS, "items_per_second", 100, 7)
            table.flush()
            table.flush()
    assert [(line.items, line.calls, line.bytes) for line in lines(pool)] == [(42, 6, 600)] * 2
    assert set(balances(lines(pool)).values()) == {0}
    assert lines(pool, "other") == []


def test_a_delta_that_may_or_may_not_be_there_is_added_once(pool: postgres.Pool) -> None:
    accounts, unsure = Accounts(ManualClock()), Unsure(pool)
    table = AccountsTable(accounts, unsure, ManualClock())  # type: ignore[arg-type]
    accounts.limited("acme", Signal.LOGS, "items_per_second", 100, 7)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            table.flush()
    accounts.limited("bolt", Signal.LOGS, "items_per_second", 100, 7)
    unsure.breaks = False
    table.flush()
    assert lines(pool) == LIMITED
    table.flush()
    assert lines(pool, "acme") == LIMITED
    assert len(lines(pool, "bolt")) == 2


def test_a_long_outage_s_backlog_comes_in_portions_that_each_balance(
    pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.accounts_table.PORTION", 5)
    accounts, unsure = Accounts(ManualClock()), Unsure(pool)
    table = AccountsTable(accounts, unsure, ManualClock())  # type: ignore[arg-type]
    for number in range(9):  # two entries each: three tenants are a portion
        accounts.limited(f"t{number}", Signal.LOGS, "items_per_second", 100, 7)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            table.flush()
        assert len(lines(pool)) == 6
        assert set(balances(lines(pool)).values()) == {0}
    unsure.breaks = False
    table.flush()
    assert [(line.items, line.calls) for line in lines(pool)] == [(7, 1)] * 18


def test_what_waits_while_postgres_is_down_comes_when_it_is_back(
    pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(ManualClock())
    nowhere = postgres.open_pool(PostgresSettings(url=SecretStr(NOWHERE)))
    monkeypatch.setattr("ingest.accounts_table._CONNECT_SECONDS", 0.2)
    table = AccountsTable(accounts, nowhere, ManualClock())
    accounts.limited("acme", Signal.LOGS, "items_per_second", 60, 3)
    with pytest.raises(psycopg.OperationalError):
        table.flush()
    accounts.limited("acme", Signal.LOGS, "items_per_second", 40, 4)
    table._pool = pool
    nowhere.close()
    table.flush()
    table.flush()
    assert [(line.items, line.calls, line.bytes) for line in lines(pool)] == [(7, 2, 100)] * 2


def test_closing_writes_what_is_left(pool: postgres.Pool) -> None:
    accounts = Accounts(ManualClock())
    table = AccountsTable(accounts, pool, ManualClock())
    table.start()
    accounts.limited("acme", Signal.LOGS, "items_per_second", 100, 7)
    table.close()
    assert lines(pool) == LIMITED


def test_minutes_are_kept_for_two_weeks(pool: postgres.Pool) -> None:
    now = datetime.now(UTC).timestamp()
    for days in (0, table_of.KEEP_DAYS - 1, table_of.KEEP_DAYS + 1):
        clock = ManualClock(wall_ns=int((now - days * 86_400) * 1e9))
        accounts = Accounts(clock)
        accounts.refused("acme", Signal.TRACES, Code.INVALID, 1)
        AccountsTable(accounts, pool, clock).flush()
    with pool.connection() as connection:
        forget(connection)
    assert [line.calls for line in lines(pool)] == [2, 2]


def test_the_command_prints_the_table_and_the_balance(
    pool: postgres.Pool, settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(ManualClock())
    accounts.limited("acme", Signal.LOGS, "items_per_second", 100, 7)
    accounts.refused("bolt", Signal.LOGS, Code.INVALID, 5)
    AccountsTable(accounts, pool, ManualClock()).flush()
    monkeypatch.setenv("OTELHOUSE_POSTGRES_URL", settings.url.get_secret_value())
    run = CliRunner().invoke(app, ["accounts", "--tenant", "acme", "--since", "2020-01-01"])
    assert run.output.splitlines() == [
        "acme\tlogs\treceived\t\t7\t1\t100",
        "acme\tlogs\tlimited\titems_per_second\t7\t1\t100",
        "acme\tlogs\tbalance\t\t0\t\t",
    ]
    as_json = CliRunner().invoke(app, ["accounts", "--since", "2020-01-01T00:00:00Z", "--json"]).output
    assert '"tenant": "bolt", "signal": "logs", "outcome": "rejected", "cause": "invalid", "items": 0' in as_json
    assert CliRunner().invoke(app, ["accounts", "--since", "1h"]).output == ""
    assert "--since" in str(CliRunner().invoke(app, ["accounts", "--since", "yesterday"]).exception)
