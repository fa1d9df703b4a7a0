"""The client side of ClickHouse, embedded or not: connect, insert exactly once, check, and tell errors apart.

Errors::

    ClickHouseError
    +-- Retryable   the same call may succeed later: no connection, time out, 5xx, too many parts, memory
    +-- Permanent   it will not: bad SQL, unknown table, types that do not fit
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pyarrow as pa
import urllib3
from clickhouse_connect import common
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_connect.driver.httputil import get_pool_manager

from otelhouse.config import ClickHouseSettings

CONNECT_SECONDS = 3
SEND_SECONDS = 120
CHECK_SECONDS = 2

# One Arrow table becomes one block, one block one part; stored when the call returns, and once for each token.
_ONE_PART = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "max_insert_threads": 1,
    "max_insert_block_size": 1_048_576,
    "max_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 0,
    "input_format_parallel_parsing": 0,
    "throw_on_max_partitions_per_insert_block": 1,
    "max_partitions_per_insert_block": 1,
}
# Worth another try: timeouts and networks, memory, parts, limits of concurrency, replicas and disks that recover.
_RETRYABLE_CODES = {
    3, 74, 75, 76, 159, 160, 164, 198, 202, 203, 204, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 289, 297,
    307, 319, 364, 373, 394, 425, 439, 473, 516, 529, 594, 606, 620, 665, 668, 745, 999, 1000, 1001, 1002,
}  # fmt: skip


class ClickHouseError(Exception):
    """ClickHouse did not do what it was asked. `code` is its own error code, if it gave one."""

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
        text = str(error)
        kind = Retryable if code in _RETRYABLE_CODES or (code is None and not isinstance(error, _OURS)) else Permanent
        raise kind(text, code) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Retryable(str(error)) from error


_OURS = (clickhouse_connect.driver.exceptions.ProgrammingError, clickhouse_connect.driver.exceptions.DataError)


def connect(
    settings: ClickHouseSettings,
    *,
    database: str | None = None,
    connections: int = 8,
    send_seconds: float = SEND_SECONDS,
) -> Client:
    """A client for one component, for the caller to close. Raises Retryable or Permanent.

    It may be used by several threads at once (it holds no session; each call takes a connection of its pool).
    `database=""` connects where the database does not exist yet.
    """
    url = urlsplit(settings.url)
    common.set_setting("autogenerate_session_id", False)
    with translated():
        return clickhouse_connect.get_client(
            interface=url.scheme or "http",
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
    """Insert a table as one block under a deduplication token; return the rows sent. Raises Retryable or Permanent.

    All rows must belong to one table partition. The columns are matched by name.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks(), max_chunksize=max(rows.num_rows, 1))
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
    """For /readyz: raises Retryable unless ClickHouse answers within two seconds."""
    url = settings.url.rstrip("/") + "/ping"
    try:
        answer = urllib3.request("GET", url, timeout=CHECK_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Retryable(f"ClickHouse at {settings.url}: {error}") from None
    if answer.status != 200:
        raise Retryable(f"ClickHouse at {settings.url} answers {answer.status}")
