"""Formats in and out, by the client's own ways."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.client import Client

from tests.contract.clickhouse.conftest import Http

_COLUMNS = {
    "u": "UInt64",
    "i": "Int8",
    "f": "Float64",
    "b": "Bool",
    "s": "String",
    "lc": "LowCardinality(String)",
    "n": "Nullable(String)",
    "d": "Decimal(18, 4)",
    "t": "DateTime64(9, 'UTC')",
    "id": "UUID",
    "fs": "FixedString(4)",
    "a": "Array(Array(String))",
    "m": "Map(LowCardinality(String), String)",
    "tu": "Tuple(String, UInt8)",
}
_ROW = [
    2**64 - 1,
    -128,
    0.1,
    True,
    "it's\t\\\n\x00é",
    "low",
    None,
    Decimal("12345678901234.5678"),
    datetime(2024, 2, 29, 1, 2, 3, 456789, tzinfo=UTC),
    UUID("12345678-1234-5678-1234-567812345678"),
    b"\x00\xff\xfe\x01",
    [["x"], []],
    {"k'": "v\\"},
    ("y", 7),
]


@pytest.fixture
def table(client: Client) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    client.command(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY u")
    return "t"


def test_native_rows_of_every_kind_come_back_equal(client: Client, table: str) -> None:
    client.insert(table, [_ROW, _ROW], column_names=list(_COLUMNS))
    (first, second) = client.query(
        f"SELECT * FROM {table}", column_formats={"fs": "bytes"}, tz_mode="aware"
    ).result_rows
    assert list(first) == list(second) == _ROW


def test_an_insert_says_how_many_rows_it_wrote(client: Client, table: str) -> None:
    summary = client.insert(table, [_ROW] * 3, column_names=list(_COLUMNS))
    assert summary.written_rows == 3
    assert summary.query_id()


@pytest.mark.parametrize(
    "name",
    [
        "Native",
        "ArrowStream",
        "Arrow",
        "Parquet",
        "ORC",
        "RowBinary",
        "TSV",
        "CSV",
        "JSONEachRow",
        "JSONCompactEachRow",
    ],
)
def test_what_a_format_gives_it_takes(client: Client, table: str, name: str) -> None:
    client.insert(table, [_ROW], column_names=list(_COLUMNS))
    kept = ", ".join(column for column in _COLUMNS if not (name == "ORC" and column in ("t", "id", "u")))
    data = client.raw_query(f"SELECT {kept} FROM {table}", fmt=name, settings=_BINARY)
    client.raw_insert(table, kept.split(", "), data, fmt=name, settings=_BINARY)
    assert client.query(f"SELECT count() FROM {table}").result_rows == [(2,)]
    assert client.query(f"SELECT count() FROM (SELECT DISTINCT {kept} FROM {table})").result_rows == [(1,)]


_BINARY = {"output_format_arrow_string_as_string": 0, "output_format_parquet_string_as_string": 0}


def test_json_is_one_document(http: Http) -> None:
    answer = http("POST", body="SELECT number AS n FROM numbers(200000) FORMAT JSON")
    document = json.loads(answer.data)
    assert document["rows"] == len(document["data"]) == 200_000


def test_parquet_is_one_file_and_arrow_one_stream(client: Client) -> None:
    sql = "SELECT number AS n, toString(number) AS s FROM numbers(300000)"
    assert pq.read_table(io.BytesIO(client.raw_query(sql, fmt="Parquet"))).num_rows == 300_000
    assert pa.ipc.open_stream(client.raw_query(sql, fmt="ArrowStream")).read_all().num_rows == 300_000
    assert pa.ipc.open_file(client.raw_query(sql, fmt="Arrow")).read_all().num_rows == 300_000


def test_arrow_tables_go_in_and_out(client: Client, table: str) -> None:
    rows = pa.table(
        {"u": pa.array([1, 2], pa.uint64()), "s": ["a", "b"], "lc": pa.array(["x", "x"]).dictionary_encode()}
    )
    client.insert_arrow(table, rows)
    got = client.query_arrow(f"SELECT u, s, lc FROM {table} ORDER BY u", use_strings=True)
    assert got.column("u").to_pylist() == [1, 2]
    assert got.column("lc").to_pylist() == ["x", "x"]


def test_an_empty_result_still_has_its_columns(client: Client) -> None:
    empty = client.query_arrow("SELECT number AS n, toString(number) AS s FROM numbers(0)")
    assert (empty.num_rows, empty.column_names) == (0, ["n", "s"])


def test_totals_and_rows_before_limit_are_kept(http: Http) -> None:
    sql = "SELECT number % 3 AS k, count() FROM numbers(9) GROUP BY k WITH TOTALS LIMIT 2 FORMAT JSON"
    document = json.loads(http("POST", body=sql).data)
    assert document["totals"] == {"k": 0, "count()": 9} or document["totals"]["count()"] in (9, "9")
    assert document["rows_before_limit_at_least"] == 3


def test_inline_values_and_streamed_data_are_the_same_insert(http: Http, database: str) -> None:
    http("POST", body="CREATE TABLE v (a UInt8, s String) ENGINE = Memory", database=database)
    for body in (
        "INSERT INTO v VALUES (1, 'FORMAT; x'), (2, ')')",
        "INSERT INTO v (a, s) FORMAT CSV\n3,c\n4,d\n",
        'INSERT INTO v FORMAT JSONEachRow {"a": 5, "s": "e"}',
        "INSERT INTO v SETTINGS max_threads = 1 FORMAT TSV\n6\tf\n",
        "INSERT INTO v SELECT 7, 'g'",
        "INSERT INTO TABLE v (a) VALUES (8);",
    ):
        assert http("POST", body=body, database=database).status == 200, body
    assert http("POST", query="INSERT INTO v FORMAT TSV", body="9\ti\n", database=database).status == 200
    assert http("POST", body="SELECT groupArray(a) FROM (SELECT a FROM v ORDER BY a)", database=database).data == (
        b"[1,2,3,4,5,6,7,8,9]\n"
    )


def test_a_row_that_does_not_parse_is_a_400_and_nothing_is_stored(http: Http, database: str) -> None:
    http("POST", body="CREATE TABLE v (a UInt8) ENGINE = MergeTree ORDER BY a", database=database)
    answer = http("POST", query="INSERT INTO v FORMAT TSV", body="1\n2\nthree\n", database=database)
    assert answer.status == 400
    assert http("POST", body="SELECT count() FROM v", database=database).data == b"0\n"


def test_a_truncated_arrow_stream_stores_nothing(client: Client) -> None:
    client.command("CREATE TABLE x (a UInt64) ENGINE = MergeTree ORDER BY a")
    sink = io.BytesIO()
    rows = pa.table({"a": pa.array(range(100_000), pa.uint64())})
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    with pytest.raises(Exception, match="Code"):
        client.raw_insert("x", ["a"], sink.getvalue()[:400_000], fmt="ArrowStream")
    assert client.query("SELECT count() FROM x").result_rows == [(0,)]


def test_an_error_in_storing_the_last_block_is_told(client: Client) -> None:
    """The embedded engine's own streaming inserts keep silent here."""
    kept = "ENGINE = MergeTree PARTITION BY a ORDER BY a"
    client.command(f"CREATE TABLE x (a UInt64, CONSTRAINT small CHECK a < 10) {kept}")
    one = {"max_partitions_per_insert_block": 1}
    for rows, message in (([[1], [2]], "Too many partitions"), ([[1], [20]], "VIOLATED_CONSTRAINT")):
        with pytest.raises(Exception, match=message):
            client.insert("x", rows, column_names=["a"], settings=one if "partitions" in message else {})
    client.command("CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT throwIf(a = 7) FROM x")
    with pytest.raises(Exception, match="FUNCTION_THROW_IF"):
        client.insert("x", [[7]], column_names=["a"])
