"""The client side of ClickHouse, embedded or not: connect, insert exactly once, check, and tell errors apart.

Errors::

    ClickHouseError
    +-- Retryable   the same call may succeed later: no connection, time out, too many parts, memory, ...
    +-- Permanent   it will not: bad SQL, unknown table, types that do not fit, ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pyarrow as pa
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.exceptions import DataError, ProgrammingError
from clickhouse_connect.driver.httputil import get_pool_manager

from otelhouse.config import ClickHouseSettings

CONNECT_SECONDS = 3
SEND_SECONDS = 120
CHECK_SECONDS = 2

MAX_BLOCK_ROWS = 500_000
"""Largest table that insert_arrow takes: one block, and so one part."""

# One table becomes one block, one block one part; stored when the call returns, and once for each token.
_ONE_PART: Mapping[str, int] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "max_insert_threads": 1,
    "max_block_size": 2 * MAX_BLOCK_ROWS,
    "max_insert_block_size": 2 * MAX_BLOCK_ROWS,
    "min_insert_block_size_rows": 2 * MAX_BLOCK_ROWS,
    "min_insert_block_size_bytes": 0,
    "input_format_parallel_parsing": 0,
    "max_partitions_per_insert_block": 1,
    "throw_on_max_partitions_per_insert_block": 1,
}

_TOO_MANY_PARTS = 252
# ClickHouse's errors that pass: of networks, load, memory, disks, replicas, and of its being stopped.
_RETRYABLE = {
    3: "UNEXPECTED_END_OF_FILE",
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    159: "TIMEOUT_EXCEEDED",
    173: "CANNOT_ALLOCATE_MEMORY",
    198: "DNS_ERROR",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    _TOO_MANY_PARTS: "TOO_MANY_PARTS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    289: "REPLICA_IS_NOT_IN_QUORUM",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    473: "DEADLOCK_AVOIDED",
    516: "AUTHENTICATION_FAILED",  # a password that is being changed: right again before long
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
    1000: "POCO_EXCEPTION",
    1001: "STD_EXCEPTION",
    1002: "UNKNOWN_EXCEPTION",
}


class ClickHouseError(Exception):
    """ClickHouse did not do what it was asked. `code` is its own error code, None if it gave none."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Retryable(ClickHouseError):
    """Worth another try after a pause."""


class Permanent(ClickHouseError):
    """The same call would fail again."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise what the driver raises inside as Retryable or Permanent."""
    try:
        yield
    except DriverError as error:
        code = getattr(error, "code", None)
        raise (Retryable if _passes(error, code) else Permanent)(str(error), code) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Retryable(str(error)) from error


def _passes(error: DriverError, code: int | None) -> bool:
    if code is None:  # ClickHouse said nothing: the way there failed, unless the driver itself refused
        return not isinstance(error, ProgrammingError | DataError)
    # A block for two partitions has the code of a table with too many parts, and stays wrong.
    return code in _RETRYABLE and not (code == _TOO_MANY_PARTS and "Too many partitions" in str(error))


def connect(
    settings: ClickHouseSettings,
    *,
    database: str | None = None,
    connections: int = 8,
    send_seconds: float = SEND_SECONDS,
) -> Client:
    """A client for one component, for the caller to close. Talks to the server at once: raises Retryable or Permanent.

    Several threads may use it at once: it holds no session, and each call takes one of its `connections`.
    `database=""` connects to a server where the database may not exist yet. A call that gets no answer for
    `send_seconds` fails. The client's own calls raise the driver's errors; see `translated`.
    """
    url = urlsplit(settings.url)
    with translated():
        return clickhouse_connect.get_client(
            interface=url.scheme,
            host=url.hostname or "127.0.0.1",
            port=url.port or (8443 if url.scheme == "https" else 8123),
            username=settings.user,
            password=settings.password.get_secret_value(),
            database=settings.database if database is None else database or "__default__",
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=int(send_seconds),
            query_retries=0,
            autogenerate_session_id=False,
            pool_mgr=get_pool_manager(maxsize=connections, num_pools=1),
        )


def insert_arrow(
    client: Client, table: str, rows: pa.Table, token: str, settings: Mapping[str, Any] | None = None
) -> int:
    """Insert a table as one block under a deduplication token and return its rows. Raises Retryable or Permanent.

    When it returns, the rows are stored as one part, or were stored before under the same token. All must belong to
    one partition of the table, and be at most MAX_BLOCK_ROWS (ValueError). Columns are matched by name.
    """
    if rows.num_rows > MAX_BLOCK_ROWS:
        raise ValueError(f"{rows.num_rows} rows are more than a block may have ({MAX_BLOCK_ROWS})")
    if not rows.num_rows:
        return 0
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks(), max_chunksize=MAX_BLOCK_ROWS)
    with translated():
        client.raw_insert(
            table,
            column_names=rows.column_names,
            insert_block=sink.getvalue().to_pybytes(),
            fmt="ArrowStream",
            settings={**_ONE_PART, "insert_deduplication_token": token, **(settings or {})},
        )
    return int(rows.num_rows)


def check(settings: ClickHouseSettings) -> None:
    """For /readyz: raises Retryable unless ClickHouse answers within about two seconds."""
    url = settings.url.rstrip("/") + "/ping"
    try:
        answer = urllib3.request("GET", url, timeout=CHECK_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Retryable(f"ClickHouse at {settings.url}: {error}") from None
    if answer.status != 200:
        raise Retryable(f"ClickHouse at {settings.url} answers {answer.status}")
