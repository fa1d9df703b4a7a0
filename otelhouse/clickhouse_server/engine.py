"""chDB: one engine for the process, one short-lived connection for each request.

A connection costs 0.07 ms and carries its own settings and database, so settings of one request cannot leak into another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from otelhouse.clickhouse_server.errors import BAD_ARGUMENTS, ServerError, from_engine
from otelhouse.errors import StartupError

# What a server has and clickhouse-local, which chDB descends from, has not; and limits by which a query fails first.
_DEFAULTS = {
    "implicit_select": "0",
    "allow_introspection_functions": "0",
    "async_insert": "0",
    "max_memory_usage": str(1 << 30),
    "max_execution_time": "300",
}
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


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Session:
    """One connection: settings, parameters and a database, for one statement at a time. Closed by its user.

    Methods block, release the GIL and may be called on any thread. They raise ServerError.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def prepare(self, database: str, settings: Mapping[str, str], parameters: Mapping[str, str], read_only: bool) -> None:
        """Apply what a request asks for. Parameters are in ClickHouse's escaped form."""
        if database:
            self.run(f"USE `{database.replace(chr(92), chr(92) * 2).replace('`', chr(92) + '`')}`")
        assignments = {**_DEFAULTS, **settings, **{f"param_{name}": value for name, value in parameters.items()}}
        for name in assignments:
            if not _SETTING.fullmatch(name):
                raise ServerError(BAD_ARGUMENTS, f"{name!r} is not a name of a setting or parameter", "BAD_ARGUMENTS")
        self.run("SET " + ", ".join(f"{name} = {_literal(value)}" for name, value in assignments.items()))
        if read_only:
            self.run("SET readonly = 2")

    def run(self, sql: str, output_format: str = "TabSeparated") -> tuple[bytes, Progress]:
        """Run a statement whose result, if it has one, is small."""
        try:
            result = self._connection.query(sql, output_format, params={})
        except RuntimeError as error:
            raise from_engine(error) from None
        return result.bytes(), _progress(result)

    def begin_insert(self, sql: str, input_format: str) -> Insert:
        """Begin an INSERT; nothing is committed before `Insert.finish`."""
        try:
            return Insert(self._connection, self._connection.send_insert(sql, input_format))
        except RuntimeError as error:
            raise from_engine(error) from None

    def close(self) -> None:
        """End the connection, and whatever runs on it."""
        self._connection.close()


class Insert:
    """A running INSERT. Ends with `finish` or `cancel`; both may be called once."""

    def __init__(self, connection: Any, handle: Any) -> None:
        self._connection = connection
        self._handle = handle

    def append(self, data: bytes) -> None:
        """Give the next bytes to the parser; cut anywhere. Blocks while the engine is behind."""
        try:
            self._connection.insert_append(self._handle, data)
        except RuntimeError as error:
            raise from_engine(error) from None

    def finish(self) -> Progress:
        """Commit. After this returns the rows are stored as durably as the table's settings say."""
        try:
            return _progress(self._connection.insert_done(self._handle))
        except RuntimeError as error:
            raise from_engine(error) from None

    def cancel(self) -> None:
        """Drop what is not committed."""
        try:
            self._connection.insert_cancel(self._handle)
        except RuntimeError as error:
            raise from_engine(error) from None


class Engine:
    """The engine over a data directory. One a process."""

    def __init__(self, data: Path, config: Path) -> None:
        self._data = data
        self._root = _connect(f"{data}?config-file={quote(str(config))}")
        self.version = self._scalar("SELECT version()")
        self.timezone = self._scalar("SELECT timezone()")

    def session(self) -> Session:
        """A new connection."""
        return Session(_connect(str(self._data)))

    def kill(self, query_id: str) -> None:
        """Ask whatever runs under this id to stop, and do not wait for it."""
        Session(self._root).run(f"KILL QUERY WHERE Settings['{MARK}'] = {_literal(query_id)} ASYNC")

    def close(self) -> None:
        """Shut the engine down. All sessions must be closed."""
        self._root.close()

    def _scalar(self, sql: str) -> str:
        return Session(self._root).run(sql)[0].decode().strip()


def _connect(target: str) -> Any:
    from chdb import _chdb  # starts an engine when imported: not before it is wanted

    try:
        return _chdb.connect(target)
    except RuntimeError as error:
        raise StartupError(f"ClickHouse cannot open {target.partition('?')[0]}: {str(error).splitlines()[0]}") from None


def _progress(result: Any) -> Progress:
    return Progress(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_seconds=result.elapsed(),
    )
