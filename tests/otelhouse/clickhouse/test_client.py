"""The client that the components share: one block, one part, once; and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.clickhouse import MAX_BLOCK_ROWS, Permanent, Retryable, check, connect, insert_arrow, translated
from otelhouse.config import ClickHouseSettings
from schema.arrow import TABLES
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from tests.support.clickhouse import start_clickhouse


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with contextlib.closing(connect(clickhouse_settings)) as client:
        yield client


@pytest.fixture
def tables(client: Client, clickhouse_settings: ClickHouseSettings) -> Client:
    for migration in migrations("clickhouse"):
        for statement in render(migration.text, Layout(clickhouse_settings.database)):
            client.command(statement)
    return client


def _parts(client: Client, table: str) -> list[int]:
    sql = "SELECT rows FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String}"
    return [row[0] for row in client.query(sql, parameters={"table": table}).result_rows]


def _column(kind: pa.DataType, rows: int) -> pa.Array:
    """Any values that differ from row to row, `class` and `day` excepted."""
    ascending = np.arange(rows)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(pa.array(ascending % 3, pa.int32()), pa.array(["", "a'b", "é"]))
    if pa.types.is_fixed_size_binary(kind):
        return pa.array([os.urandom(kind.byte_width) for _ in range(rows)], kind)
    if pa.types.is_map(kind):
        return pa.array([[("key", f"value {row}"), ("k2", "")][: row % 3] for row in range(rows)], kind)
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(
            pa.array(np.arange(rows + 1) * 2, pa.int32()), _column(kind.value_type, 2 * rows)
        )
    if pa.types.is_string(kind):
        return pa.array([f"text {row % 5}" for row in range(rows)])
    if pa.types.is_boolean(kind):
        return pa.array(ascending % 2 == 0)
    if pa.types.is_uint8(kind):
        return pa.array(np.zeros(rows), kind)
    if pa.types.is_date(kind):
        return pa.array(np.full(rows, 20_000, np.int32)).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(ascending + (1_700_000_000 if kind.unit == "s" else 1_700_000_000_123)).cast(kind)
    return pa.array(ascending.astype("uint64") % 60_000).cast(kind)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_block_of_every_table_is_stored_as_it_is(tables: Client, table: str) -> None:
    rows = pa.Table.from_arrays([_column(field.type, 100) for field in TABLES[table]], schema=TABLES[table])
    assert insert_arrow(tables, table, rows, "token") == 100
    assert _parts(tables, table) == [100]
    settings = {"output_format_arrow_fixed_string_as_fixed_byte_array": 1, "output_format_arrow_string_as_string": 1}
    stored = tables.query_arrow(f"SELECT {', '.join(rows.column_names)} FROM {table}", settings=settings)
    assert _sorted(stored.to_pylist()) == _sorted(rows.to_pylist())


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as text in an order; ClickHouse names a map's entries and its zones otherwise than Arrow's Python does."""
    return sorted(str({k: _plain(v) for k, v in row.items()}) for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return [_plain(item) for item in value.items()]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def test_the_largest_block_is_one_part(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt64, s LowCardinality(String)) ENGINE = MergeTree ORDER BY n")
    numbers = pa.array(range(MAX_BLOCK_ROWS), pa.uint64())
    words = pa.array(["a", "b"] * (MAX_BLOCK_ROWS // 2)).dictionary_encode()
    # In pieces, as a processor that gathers batches has it.
    rows = pa.concat_tables([pa.table({"n": numbers, "s": words}).slice(i * 50_000, 50_000) for i in range(10)])
    insert_arrow(client, "t", rows, "token")
    assert _parts(client, "t") == [MAX_BLOCK_ROWS]
    with pytest.raises(ValueError, match="more than a block"):
        insert_arrow(client, "t", pa.concat_tables([rows, rows]), "other")


def _numbers(start: int) -> pa.Table:
    return pa.table({"n": pa.array(range(start, start + 10), pa.uint64())})


_FENCED = "ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000"


def test_a_token_stores_once_whatever_it_carries(client: Client) -> None:
    client.command(f"CREATE TABLE t (n UInt64) {_FENCED}")
    for token, start in (("a", 0), ("a", 0), ("a", 100), ("b", 0)):
        insert_arrow(client, "t", _numbers(start), token)
    assert client.query("SELECT count(), max(n) FROM t").result_rows == [(20, 9)]


def test_a_token_holds_over_a_kill(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        settings = ClickHouseSettings(url=server.url, database="default")
        with contextlib.closing(connect(settings)) as client:
            client.command(f"CREATE TABLE t (n UInt64) {_FENCED}, fsync_after_insert = 1, fsync_part_directory = 1")
            insert_arrow(client, "t", _numbers(0), "a")
            server.kill()
            with pytest.raises(Retryable):
                insert_arrow(client, "t", _numbers(0), "b")
            server.restart()
            insert_arrow(client, "t", _numbers(0), "a")
            assert client.query("SELECT count() FROM t").result_rows == [(10,)]


def test_an_empty_block_is_nothing(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    assert insert_arrow(client, "t", _numbers(0).slice(0, 0), "a") == 0


def test_a_block_of_two_partitions_is_refused_for_good(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree PARTITION BY n % 2 ORDER BY n")
    with pytest.raises(Permanent, match="Too many partitions"):
        insert_arrow(client, "t", _numbers(0), "a")
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


def test_errors_that_stay_are_permanent(client: Client) -> None:
    with pytest.raises(Permanent) as unknown:
        insert_arrow(client, "nowhere", _numbers(0), "a")
    assert unknown.value.code == 60
    with pytest.raises(Permanent), translated():
        client.query("SELEC")


def test_errors_that_pass_are_retryable(client: Client) -> None:
    with pytest.raises(Retryable) as memory, translated():
        client.query("SELECT groupArray(number) FROM numbers(10000000)", settings={"max_memory_usage": 20_000_000})
    assert memory.value.code == 241


def test_nobody_there_is_retryable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = ClickHouseSettings(url=f"http://127.0.0.1:{port}")
    with pytest.raises(Retryable):
        connect(gone)
    with pytest.raises(Retryable, match=f"127.0.0.1:{port}"):
        check(gone)


def test_a_server_that_answers_passes_the_check(clickhouse_settings: ClickHouseSettings) -> None:
    check(clickhouse_settings)


def test_a_client_works_before_its_database_exists(shared_clickhouse: str) -> None:
    settings = ClickHouseSettings(url=shared_clickhouse, database="not_yet")
    with contextlib.closing(connect(settings, database="")) as client:
        assert client.query("SELECT currentDatabase()").result_rows == [("default",)]
