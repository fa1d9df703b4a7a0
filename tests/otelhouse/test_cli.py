"""The command line, as a process."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from otelhouse.config import PostgresSettings
from otelhouse.postgres import connect
from schema.migrations import migrations
from tests.support.components import OTELHOUSE


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTELHOUSE_")}
    return subprocess.run(
        [*OTELHOUSE, *words], env={**kept, **environment}, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "clickhouse",
        "ingest",
        "processor",
        "query",
        "migrate",
        "keys create",
        "keys list",
        "keys revoke",
        "config check",
    ],
)
def test_every_command_explains_itself_without_loading_a_component(command: str) -> None:
    script = f"""
import sys
from otelhouse.cli import app
try:
    app({[*command.split(), "--help"]!r})
except SystemExit as done:
    assert done.code == 0
heavy = {{"numba", "pyarrow", "chdb", "grpc", "strawberry", "confluent_kafka", "psycopg", "opentelemetry"}}
sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_version_is_the_packages() -> None:
    done = _run("version")
    assert (done.returncode, done.stdout) == (0, "0.1.0\n")


def test_config_check_is_content_with_the_defaults() -> None:
    done = _run("config", "check")
    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_config_check_lists_every_problem_a_line_each(tmp_path: Path) -> None:
    file = tmp_path / "otelhouse.toml"
    file.write_text("[ingest]\notlp_grp = 1\n")
    done = _run("config", "check", "--config", str(file), OTELHOUSE_LOG_PARTITIONS="0")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "OTELHOUSE_LOG_PARTITIONS: Input should be greater than or equal to 1 (got '0')",
        f"ingest.otlp_grp in {file}: no such setting, did you mean ingest.otlp_grpc?",
    ]


@pytest.mark.parametrize("command", ["ingest", "processor", "query", "clickhouse", "migrate", "up"])
def test_a_wrong_setting_keeps_every_component_from_starting(command: str) -> None:
    done = _run(command, OTELHOUSE_INGEST_OTLP="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("otelhouse: error: OTELHOUSE_INGEST_OTLP: no such setting")
    assert done.stderr.count("\n") == 1


def test_an_unknown_flag_is_refused_with_the_usage() -> None:
    done = _run("up", "--dta", "x")
    assert done.returncode == 2
    assert "--dta" in done.stderr


@pytest.fixture
def migrated_url(postgres_url: str) -> str:
    with connect(PostgresSettings(url=postgres_url)) as connection:  # type: ignore[arg-type] # becomes a SecretStr
        for migration in migrations("postgres"):
            connection.execute(migration.text.encode())
    return postgres_url


def test_a_key_is_made_listed_and_revoked(migrated_url: str) -> None:
    store = {"OTELHOUSE_POSTGRES_URL": migrated_url}
    made = json.loads(
        _run("keys", "create", "--tenant", "acme", "--create-tenant", "--name", "ci", "--json", **store).stdout
    )
    assert made["tenant"] == "acme"
    plain = _run("keys", "create", **store).stdout.strip()
    listed = _run("keys", "list", **store).stdout.splitlines()
    assert [line.split("\t")[1] for line in listed] == ["acme", "default"]
    assert listed[0].split("\t")[0] == made["id"]
    assert made["key"] not in "".join(listed)
    assert plain not in "".join(listed)
    assert _run("keys", "revoke", made["id"], **store).returncode == 0
    states = [line.split("\t")[4].split()[0] for line in _run("keys", "list", **store).stdout.splitlines()]
    assert states == ["revoked", "valid"]


def test_a_key_for_a_tenant_that_is_not_there_is_refused(migrated_url: str) -> None:
    done = _run("keys", "create", "--tenant", "acmee", OTELHOUSE_POSTGRES_URL=migrated_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("otelhouse: error: there is no tenant 'acmee'")


def test_keys_before_migrations_say_what_to_do(postgres_url: str) -> None:
    done = _run("keys", "list", OTELHOUSE_POSTGRES_URL=postgres_url)
    assert (done.returncode, done.stderr) == (
        1,
        "otelhouse: error: the tables are missing: run `otelhouse migrate` first\n",
    )


def test_keys_without_a_store_name_its_setting() -> None:
    done = _run("keys", "list", OTELHOUSE_POSTGRES_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.startswith("otelhouse: error: postgres.url: ")
    assert done.stderr.count("\n") == 1


def test_the_command_line_itself_starts_quickly() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run("version")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of CPU, which does not depend on what else the machine does; a quarter is usual.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
