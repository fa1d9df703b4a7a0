"""`otelhouse migrate` on real stores: idempotent, one at a time, and clear about what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

import otelhouse.migrate
from otelhouse import clickhouse, postgres
from otelhouse.clock import ManualClock, SystemClock
from otelhouse.config import ClickHouseSettings, PostgresSettings, Settings
from otelhouse.errors import StartupError
from otelhouse.migrate import Report, migrate
from schema.clickhouse_ddl import Layout, render
from schema.migrations import Migration, migrations
from tests.support.postgres import PostgresServer
from tests.support.stores import drop_database, stores_settings

ALL = Report(
    postgres=tuple(migration.name for migration in migrations("postgres")),
    clickhouse=tuple(migration.name for migration in migrations("clickhouse")),
)
NOTHING = Report(postgres=(), clickhouse=())


@pytest.fixture
def stores(shared_clickhouse: str, any_postgres_server: PostgresServer) -> Iterator[Settings]:
    with any_postgres_server.database() as url:
        settings = stores_settings(shared_clickhouse, url)
        yield settings
        drop_database(settings)


def _recorded(settings: Settings) -> list[tuple[str, int, str]]:
    with postgres.connect(settings.postgres) as connection:
        rows = connection.execute("SELECT store, version, checksum FROM schema_migrations ORDER BY 1, 2")
        return rows.fetchall()


def _tables(settings: Settings) -> set[str]:
    client = clickhouse.connect(settings.clickhouse)
    try:
        return {
            name
            for (name,) in client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
        }
    finally:
        client.close()


def test_empty_stores_get_everything_and_a_record_of_it(stores: Settings) -> None:
    assert migrate(stores, SystemClock()) == ALL
    assert {"spans", "trace_index", "logs", "resources", "series", "samples", "exemplars"} <= _tables(stores)
    database = f"clickhouse/{stores.clickhouse.database}"
    expected = [
        *((database, migration.version, migration.checksum) for migration in migrations("clickhouse")),
        *(("postgres", migration.version, migration.checksum) for migration in migrations("postgres")),
    ]
    assert _recorded(stores) == expected
    with postgres.connect(stores.postgres) as connection:
        assert connection.execute("SELECT id FROM tenants").fetchall() == [("default",)]


def test_a_second_run_does_nothing(stores: Settings) -> None:
    migrate(stores, SystemClock())
    before = _recorded(stores)
    assert migrate(stores, SystemClock()) == NOTHING
    assert _recorded(stores) == before


_RUN = """
import sys
from pydantic import SecretStr
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings, PostgresSettings, Settings
from otelhouse.migrate import migrate
settings = Settings(clickhouse=ClickHouseSettings(url=sys.argv[1], database=sys.argv[2]),
                    postgres=PostgresSettings(url=SecretStr(sys.argv[3])))
print("imported", flush=True)
sys.stdin.readline()
report = migrate(settings, SystemClock())
print(len(report.postgres), len(report.clickhouse))
"""


def test_processes_that_migrate_at_once_apply_each_migration_once(empty_stores: Settings) -> None:
    url = empty_stores.postgres.url.get_secret_value()
    command = [sys.executable, "-c", _RUN, empty_stores.clickhouse.url, empty_stores.clickhouse.database, url]
    root = Path(__file__).parents[2]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(3)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "imported\n"
    outputs = []
    for run in runs:  # all are held at the same line, and let go together
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    for run in runs:
        outputs.append(run.communicate(timeout=30)[0].split())
        assert run.returncode == 0
    assert [sum(int(output[store]) for output in outputs) for store in (0, 1)] == [
        len(ALL.postgres),
        len(ALL.clickhouse),
    ]
    assert sorted(outputs)[0] == ["0", "0"]


def test_a_run_waits_for_another_that_holds_the_lock(empty_stores: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otelhouse.migrate, "LOCK_SECONDS", 0.3)
    with postgres.connect(empty_stores.postgres) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (otelhouse.migrate.LOCK,))
        with pytest.raises(StartupError, match="another migration has held its lock"):
            migrate(empty_stores, SystemClock())
    assert migrate(empty_stores, SystemClock()) == ALL


def test_a_run_cut_short_is_completed_by_the_next(empty_stores: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(template: str, layout: Layout) -> list[str]:
        return [*render(template, layout)[:3], "SELECT this fails"]

    monkeypatch.setattr(otelhouse.migrate, "render", half)
    with pytest.raises(StartupError, match=r"clickhouse\.url: .*this"):
        migrate(empty_stores, SystemClock())
    monkeypatch.undo()
    assert len(_tables(empty_stores)) == 3
    assert migrate(empty_stores, SystemClock()) == Report(postgres=(), clickhouse=ALL.clickhouse)
    assert len(_tables(empty_stores)) >= 7


def test_a_clickhouse_that_lost_its_tables_gets_them_again(empty_stores: Settings) -> None:
    migrate(empty_stores, SystemClock())
    drop_database(empty_stores)
    assert migrate(empty_stores, SystemClock()) == Report(postgres=(), clickhouse=ALL.clickhouse)
    assert "spans" in _tables(empty_stores)


@pytest.mark.parametrize("store", ["postgres", "clickhouse"])
def test_a_migration_that_changed_after_it_was_applied_is_named(
    empty_stores: Settings, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    migrate(empty_stores, SystemClock())

    def changed(which: str) -> tuple[Migration, ...]:
        first, *rest = migrations(which)
        return (Migration(first.version, first.name, first.text + " "), *rest) if which == store else (first, *rest)

    monkeypatch.setattr(otelhouse.migrate, "migrations", changed)
    with pytest.raises(StartupError, match=rf"migration 0001_\w+ of {store}.* was changed after it had been applied"):
        migrate(empty_stores, SystemClock())


def test_a_migration_of_a_newer_release_is_left_alone(empty_stores: Settings) -> None:
    migrate(empty_stores, SystemClock())
    with postgres.connect(empty_stores.postgres) as connection:
        connection.execute("INSERT INTO schema_migrations (store, version, checksum) VALUES ('postgres', 9999, 'x')")
    assert migrate(empty_stores, SystemClock()) == NOTHING


class _RunningClock(ManualClock):
    """Goes on by a second each time it is asked."""

    def monotonic(self) -> float:
        self.advance(1.0)
        return self.elapsed


@pytest.mark.parametrize(
    ("broken", "setting"),
    [
        (Settings(postgres=PostgresSettings(url=SecretStr("postgresql://x@127.0.0.1:1/x"))), "postgres.url"),
        (Settings(clickhouse=ClickHouseSettings(database="a b")), "clickhouse.database"),
    ],
    ids=["refused", "bad name"],
)
def test_what_cannot_be_reached_is_named_in_one_line(broken: Settings, setting: str) -> None:
    with pytest.raises(StartupError) as caught:
        migrate(broken, _RunningClock(), wait_seconds=3.0)
    assert str(caught.value).startswith(f"{setting}")
    assert "\n" not in str(caught.value)


def test_a_clickhouse_that_is_down_is_named(empty_stores: Settings) -> None:
    down = empty_stores.model_copy(update={"clickhouse": ClickHouseSettings(url="http://127.0.0.1:1")})
    with pytest.raises(StartupError, match=r"^clickhouse\.url: "):
        migrate(down, SystemClock())


def test_a_postgres_that_comes_up_late_is_waited_for(empty_stores: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []
    connect = postgres.connect

    def late(settings: PostgresSettings, statement_seconds: float) -> object:
        attempts.append(settings)
        if len(attempts) < 3:
            raise psycopg.OperationalError("the database system is starting up")
        return connect(settings, statement_seconds)

    monkeypatch.setattr(postgres, "connect", late)
    assert migrate(empty_stores, SystemClock(), wait_seconds=10.0) == ALL
    assert len(attempts) == 3
