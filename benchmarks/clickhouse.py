"""The embedded ClickHouse over HTTP beside the same engine in this process: inserts of Arrow, and Arrow out."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.harness import Table, in_turn, measure
from otelhouse.clickhouse import connect
from otelhouse.config import ClickHouseSettings
from tests.support.clickhouse import ClickHouse, start_clickhouse

ROUNDS = 3
BLOCK_ROWS, BLOCKS = 500_000, 4
SAMPLES = 24_000_000
_CREATE = (
    "CREATE TABLE samples (series UInt64, time DateTime64(3, 'UTC'), value Float64) ENGINE = MergeTree ORDER BY series"
)
_FILL = f"INSERT INTO samples SELECT number % 1000, toDateTime64(1.7e9 + number, 3), number FROM numbers({SAMPLES})"
_READ = "SELECT series, time, value FROM samples"


def _block() -> bytes:
    ascending = np.arange(BLOCK_ROWS)
    times = pa.array(ascending + 1_700_000_000_000).cast(pa.timestamp("ms", "UTC"))
    rows = pa.table({"series": pa.array(ascending % 1000, pa.uint64()), "time": times, "value": ascending * 0.5})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def main() -> None:
    """Print rows a second and CPU a row; the floor is the engine without HTTP."""
    from chdb import _chdb

    with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory) / "http") as server:
        engine = _chdb.connect(f"{directory}/inside")
        with contextlib.closing(connect(ClickHouseSettings(url=server.url, database="default"))) as client:
            # Merges of what a round left behind would be counted in the next.
            for statement in (_CREATE, _CREATE.replace("samples", "writes"), _FILL, "SYSTEM STOP MERGES"):
                engine.query(statement, "Null", params={})
                client.command(statement)
            _inserts(engine, client, server)
            _reads(engine, client, server)
        engine.close()


def _pids(server: ClickHouse) -> list[int]:
    return [server.process.pid] if server.process is not None else []


def _inserts(engine: Any, client: Any, server: ClickHouse) -> None:
    block = _block()
    rows = BLOCK_ROWS * BLOCKS

    def inside() -> None:
        for _ in range(BLOCKS):
            insert = engine.send_insert("INSERT INTO writes", "ArrowStream")
            engine.insert_append(insert, block)
            engine.insert_done(insert)

    def over_http() -> None:
        for _ in range(BLOCKS):
            client.raw_insert("writes", insert_block=block, fmt="ArrowStream", settings={"max_insert_threads": 1})

    table = Table(f"insert {rows:,} narrow rows in blocks of {BLOCK_ROWS:,}", "rows")
    with in_turn(table, ROUNDS) as rounds:
        for _ in rounds:
            table.add("chDB in process", measure(rows, inside))
            table.add("embedded ClickHouse over HTTP", measure(rows, over_http, _pids(server)))


def _reads(engine: Any, client: Any, server: ClickHouse) -> None:
    def inside() -> None:
        stream, rows = engine.send_query(_READ, "ArrowStream", params={}), 0
        while chunk := engine.streaming_fetch_result(stream).bytes():
            rows += pa.ipc.open_stream(chunk).read_all().num_rows
        _expect(rows)

    def over_http() -> None:
        with client.query_arrow_stream(_READ) as batches:
            _expect(sum(batch.num_rows for batch in batches))

    table = Table(f"read {SAMPLES:,} samples as Arrow", "rows")
    with in_turn(table, ROUNDS) as rounds:
        for _ in rounds:
            table.add("chDB in process", measure(SAMPLES, inside))
            table.add("embedded ClickHouse over HTTP", measure(SAMPLES, over_http, _pids(server)))


def _expect(rows: int) -> None:
    if rows != SAMPLES:
        raise RuntimeError(f"{rows} of {SAMPLES} rows arrived")


if __name__ == "__main__":
    main()
