"""What we ask of the metadata store, of every PostgreSQL that we run on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from otelhouse import postgres
from otelhouse.config import PostgresSettings
from schema.migrations import migrations
from tests.support.postgres import PostgresServer


@pytest.fixture
def settings(any_postgres_server: PostgresServer) -> Iterator[PostgresSettings]:
    """A database with our tables."""
    with any_postgres_server.database() as url:
        found = PostgresSettings(url=SecretStr(url))
        with postgres.connect(found) as connection:
            for _ in range(2):  # each statement can be run again
                for migration in migrations("postgres"):
                    connection.execute(migration.text.encode())
        yield found


def _execute(settings: PostgresSettings, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with postgres.connect(settings) as connection:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []


def test_the_default_tenant_is_there_once(settings: PostgresSettings) -> None:
    classes = "retention_class_traces, retention_class_metrics, retention_class_logs"
    assert _execute(settings, f"SELECT id, {classes} FROM tenants") == [("default", 0, 0, 0)]


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 64, "a'b", "ä"])
def test_a_tenant_is_named_so_that_it_fits_everywhere(settings: PostgresSettings, name: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _execute(settings, "INSERT INTO tenants (id) VALUES (%s)", name)


def test_a_retention_class_is_one_of_eight(settings: PostgresSettings) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _execute(settings, "INSERT INTO tenants (id, retention_class_logs) VALUES ('a', 8)")


def test_a_key_is_a_hash_of_its_own_and_belongs_to_a_tenant(settings: PostgresSettings) -> None:
    insert = "INSERT INTO api_keys (tenant, hash, prefix) VALUES (%s, %s, 'ohk_')"
    _execute(settings, insert, "default", b"h" * 32)
    with pytest.raises(psycopg.errors.UniqueViolation):
        _execute(settings, insert, "default", b"h" * 32)
    with pytest.raises(psycopg.errors.CheckViolation):
        _execute(settings, insert, "default", b"h" * 31)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        _execute(settings, insert, "nobody", b"i" * 32)


def test_a_statement_that_hangs_is_ended(settings: PostgresSettings) -> None:
    with postgres.connect(settings, 0.2) as connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(10)")


def test_a_pool_outlives_connections_that_the_server_ended(settings: PostgresSettings) -> None:
    with postgres.open_pool(settings) as pool:
        for _ in range(3):
            with pool.connection() as connection:
                (pid,) = connection.execute("SELECT pg_backend_pid()").fetchall()[0]
            _execute(settings, "SELECT pg_terminate_backend(%s)", pid)
            with pool.connection() as connection:
                assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_check_answers_and_says_in_a_line_what_is_wrong(settings: PostgresSettings) -> None:
    postgres.check(settings)
    missing = settings.url.get_secret_value() + " dbname=missing"
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres.check(PostgresSettings(url=SecretStr(missing)))


def test_check_gives_up_on_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x"
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            postgres.check(PostgresSettings(url=SecretStr(url)))
        assert time.monotonic() - began < 4


def test_what_the_user_s_string_says_goes_before_our_defaults(settings: PostgresSettings) -> None:
    url = settings.url.get_secret_value() + " application_name=mine"
    with postgres.connect(PostgresSettings(url=SecretStr(url))) as connection:
        assert connection.execute("SHOW application_name").fetchall() == [("mine",)]


def test_the_release_before_runs_on_these_tables(settings: PostgresSettings) -> None:
    """Its statements, to the letter: those of `otelhouse keys`, of ingest and of the query service."""
    _execute(settings, "INSERT INTO tenants (id) VALUES (%s) ON CONFLICT (id) DO NOTHING", "old")
    insert = "INSERT INTO api_keys (tenant, hash, prefix, name) SELECT id, %s, %s, %s FROM tenants WHERE id = %s"
    insert += " RETURNING id"
    ((key,),) = _execute(settings, insert, b"h" * 32, "ohk_12345678", "", "old")
    find = (
        "SELECT k.hash, t.id, retention_class_traces, retention_class_metrics, retention_class_logs FROM api_keys k"
        " JOIN tenants t ON t.id = k.tenant WHERE k.revoked_at IS NULL AND k.hash = ANY(%s)"
    )
    assert _execute(settings, find, [b"h" * 32]) == [(b"h" * 32, "old", 0, 0, 0)]
    revoke = (
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s"
        " RETURNING id, tenant, prefix, name, created_at, revoked_at"
    )
    assert len(_execute(settings, revoke, key)) == 1
    assert _execute(settings, find, [b"h" * 32]) == []
    # And what it did is good for this release.
    assert _execute(settings, "SELECT scopes, expires_at FROM api_keys") == [(["ingest", "query"], None)]
    assert _execute(settings, "SELECT id, length(secret) FROM hash_keys WHERE tenant = 'old'") == [(1, 32)]


def test_a_key_may_do_something_that_we_know(settings: PostgresSettings) -> None:
    insert = "INSERT INTO api_keys (tenant, hash, prefix, scopes) VALUES ('default', %s, 'ohk_', %s)"
    for scopes in ([], ["everything"], ["ingest", "everything"]):
        with pytest.raises(psycopg.errors.CheckViolation):
            _execute(settings, insert, b"h" * 32, scopes)
    _execute(settings, insert, b"h" * 32, ["admin"])


def test_a_hash_key_has_a_secret_until_it_is_destroyed(settings: PostgresSettings) -> None:
    for change in ("secret = NULL", "destroyed_at = now()", "secret = 'short'"):
        with pytest.raises(psycopg.errors.CheckViolation):
            _execute(settings, f"UPDATE hash_keys SET {change}")
    _execute(settings, "UPDATE hash_keys SET secret = NULL, destroyed_at = now()")


def test_hash_keys_of_tenants_differ(settings: PostgresSettings) -> None:
    _execute(settings, "INSERT INTO tenants (id) SELECT 't' || n FROM generate_series(1, 50) n")
    assert _execute(settings, "SELECT count(DISTINCT secret), min(length(secret)) FROM hash_keys") == [(51, 32)]


def test_a_change_is_numbered_and_told(settings: PostgresSettings) -> None:
    with postgres.connect(settings) as connection:
        connection.execute(f"LISTEN {postgres.CHANGES_CHANNEL}")
        for version in (1, 2):
            _execute(
                settings,
                "INSERT INTO rules (tenant, kind, version, document, author) VALUES ('default', 'x', %s, '{}', 'a')",
                version,
            )
        told = [each.payload for each in connection.notifies(timeout=5, stop_after=2)]
    numbers = _execute(settings, "SELECT number FROM changes WHERE subject = 'rules' AND kind = 'x' ORDER BY number")
    assert told == [str(number) for (number,) in numbers]
