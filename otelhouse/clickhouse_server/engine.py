"""chDB: one engine for the process, one short-lived connection for each request.

A connection costs 0.07 ms and has its own settings and database, so those of one request cannot leak into another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otelhouse.clickhouse_server.errors import BAD_ARGUMENTS, ServerError, from_engine
from otelhouse.errors import StartupError

# Options of the engine. Caches stay small beside the processes that share the machine; merges give way to requests.
_OPTIONS = {
    "mark_cache_size": 256 << 20,
    "index_mark_cache_size": 64 << 20,
    "primary_index_cache_size": 256 << 20,
    "max_server_memory_usage_to_ram_ratio": 0.5,
    "max_thread_pool_free_size": 16,
    "os_threads_nice_value_merge_mutate": 5,
}
# What a server has and clickhouse-local, from which chDB descends, has not.
_SERVER = {
    "implicit_select": "0",
    "allow_introspection_functions": "0",
    "async_insert": "0",
    "max_query_size": "262144",
}
# A SET is itself a query, and carries parameters that may be longer than a query may be.
_LONG_SET = 200_000
# Limits by which a statement fails before the process does; a request's own settings win.
READ_LIMITS = {"max_memory_usage": str(1 << 30), "max_execution_time": "300"}
WRITE_LIMITS = {"max_memory_usage": str(2 << 30)}

_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The setting that marks a running query in system.processes with the id its client knows it by.
MARK = "log_comment"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a finished statement did."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_seconds: float = 0.0


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Session:
    """One connection: settings, parameters and a database, for one statement at a time. Closed by its user.

    Methods block, release the GIL and may be called on any thread. They raise ServerError.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def prepare(
        self, database: str, settings: Mapping[str, str], parameters: Mapping[str, str], limits: Mapping[str, str]
    ) -> None:
        """Apply what a request asks for. Parameters are in ClickHouse's escaped form."""
        if database:
            self.run("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")
        assignments = {**_SERVER, **limits, **settings, **{f"param_{name}": v for name, v in parameters.items()}}
        for name in assignments:
            if not _SETTING.fullmatch(name):
                raise ServerError(BAD_ARGUMENTS, f"{name!r} is not a name of a setting or parameter", "BAD_ARGUMENTS")
        sql = "SET " + ", ".join(f"{name} = {literal(value)}" for name, value in assignments.items())
        if len(sql) > _LONG_SET:
            self.run(f"SET max_query_size = {4 * len(sql)}")
        self.run(sql)

    def forbid_writes(self) -> None:
        """From here on nothing is changed, as in a GET."""
        self.run("SET readonly = 2")

    def run(self, sql: str | bytes, output_format: str = "TabSeparated") -> tuple[bytes, Progress]:
        """Run a statement to its end. Its result, if it has one, must be small, or go elsewhere."""
        try:
            result = self._connection.query(sql, output_format, params={})
        except RuntimeError as error:
            raise from_engine(error) from None
        return result.bytes(), _progress(result)

    def close(self) -> None:
        """End the connection, and whatever runs on it."""
        self._connection.close()


class Engine:
    """The engine over a data directory. One a process; thread-safe."""

    def __init__(self, data: Path) -> None:
        """Start it. Raises StartupError."""
        self._data = str(data.resolve())
        if "?" in self._data:
            raise StartupError(f"data directory {self._data}: the engine cannot open a path with a question mark")
        options = "&".join(f"{name}={value}" for name, value in _OPTIONS.items())
        # An engine lives as long as a connection to it is open.
        self._anchor = _connect(f"{self._data}?{options}")
        self.version = self._scalar("SELECT version()")
        self.timezone = self._scalar("SELECT timezone()")

    def session(self) -> Session:
        """A new connection."""
        return Session(_connect(self._data))

    def kill(self, query_id: str) -> bool:
        """Ask whatever runs under this id to stop, and do not wait for it. False if nothing runs."""
        session = self.session()
        try:
            return bool(session.run(f"KILL QUERY WHERE Settings['{MARK}'] = {literal(query_id)} ASYNC")[0])
        finally:
            session.close()

    def check(self) -> None:
        """For /readyz: raises ServerError if the engine does not answer."""
        self._scalar("SELECT 1")

    def close(self) -> None:
        """Shut the engine down. All sessions must be closed."""
        self._anchor.close()

    def _scalar(self, sql: str) -> str:
        session = self.session()
        try:
            return session.run(sql)[0].decode().strip()
        finally:
            session.close()


def _connect(target: str) -> Any:
    from chdb import _chdb  # importing it starts an engine: not before one is wanted

    try:
        return _chdb.connect(target)  # type: ignore[attr-defined] # its stub leaves out what is not for users
    except RuntimeError as error:
        reason = str(error).partition(", Stack trace")[0].splitlines()[0]
        raise StartupError(f"data directory {target.partition('?')[0]}: {reason}") from None


def _progress(result: Any) -> Progress:
    return Progress(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_seconds=result.elapsed(),
    )
