"""Blocks into the real ClickHouse: each once, whole, whatever failed before."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.clickhouse import MAX_BLOCK_ROWS, connect
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings
from processor.build import Block
from processor.sink import Sink, StorageFault
from processor.waiting import Abandoned
from schema.arrow import SAMPLES
from schema.clickhouse_ddl import Layout
from tests.processor.storage import create_tables, fresh_database
from tests.support.clickhouse import start_clickhouse

LOG_MS = 19_700 * 86_400_000


class Waiting:
    """Waits until the test gives up."""

    def __init__(self) -> None:
        self.given_up = threading.Event()

    def pause(self, seconds: float) -> bool:
        return self.given_up.wait(seconds) if seconds else self.given_up.is_set()


def block(rows: int = 10, number: int = 7, retention_class: int = 0, log_ms: int = LOG_MS) -> Block:
    columns = [
        pa.array(["acme"] * rows).dictionary_encode(),
        pa.array([retention_class] * rows, pa.uint8()),
        pa.array([19_700] * rows, pa.int32()).cast(pa.date32()),
        pa.array([1] * rows, pa.uint32()),
        pa.array(range(rows), pa.uint64()),
        pa.array([1000] * rows, pa.int64()).cast(pa.timestamp("ms", "UTC")),
        pa.array([0.5] * rows, pa.float64()).view(pa.uint64()),
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=SAMPLES)
    return Block("samples", retention_class, 19_700, number, log_ms, batch)


def sink_of(settings: ClickHouseSettings, most_rows: int = 100) -> Sink:
    return Sink(lambda: connect(settings), Layout(settings.database), SystemClock(), most_rows)


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with contextlib.closing(connect(clickhouse_settings)) as client:
        create_tables(client, clickhouse_settings.database)
        yield client


@pytest.fixture
def sink(client: Client, clickhouse_settings: ClickHouseSettings) -> Iterator[Sink]:
    sink = sink_of(clickhouse_settings)
    yield sink
    sink.close()


def count(client: Client) -> int:
    return int(client.query("SELECT count() FROM samples").result_rows[0][0])


def test_a_block_is_one_part(client: Client, sink: Sink) -> None:
    sink.store(block(), False, Waiting())
    assert client.query("SELECT count(), uniqExact(_part) FROM samples").result_rows == [(10, 1)]


def test_shared_rows_may_be_more_than_a_block_takes(client: Client, clickhouse_settings: ClickHouseSettings) -> None:
    sink = sink_of(clickhouse_settings, MAX_BLOCK_ROWS)
    sink.store_shared(("samples", block(MAX_BLOCK_ROWS + 1).rows), Waiting())
    sink.close()
    assert count(client) == MAX_BLOCK_ROWS + 1


def test_a_block_that_is_stored_is_skipped(client: Client, sink: Sink) -> None:
    sink.store(block(), False, Waiting())
    sink.store(block(), True, Waiting())
    assert count(client) == 10


def test_a_block_that_is_not_stored_is_inserted(client: Client, sink: Sink) -> None:
    sink.store(block(number=8), False, Waiting())
    sink.store(block(retention_class=1), False, Waiting())
    sink.store(block(), True, Waiting())
    assert count(client) == 30


@pytest.mark.parametrize("stored", [4, 11])
def test_a_block_that_is_stored_otherwise_is_a_fault(client: Client, sink: Sink, stored: int) -> None:
    sink.store(block(rows=stored), False, Waiting())
    with pytest.raises(StorageFault, match=f"block 7 of samples has {stored} rows stored and 10 in the log"):
        sink.store(block(), True, Waiting())
    assert count(client) == stored


def test_a_second_live_owner_inserts_nothing(client: Client, sink: Sink) -> None:
    sink.store(block(), False, Waiting())
    sink.store(block(), False, Waiting())
    assert count(client) == 10


def test_a_block_of_a_log_that_begins_again_is_not_taken_for_one_of_the_log_before(client: Client, sink: Sink) -> None:
    sink.store(block(), False, Waiting())
    sink.store(block(log_ms=LOG_MS + 1), False, Waiting())
    assert count(client) == 20


class LaggingReplica:
    """Takes inserts and never counts them."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.counts = 0

    def query(self, text: str, parameters: dict[str, Any]) -> SimpleNamespace:
        self.counts += 1
        return SimpleNamespace(result_rows=[(0,)])

    def raw_insert(self, table: str, settings: dict[str, Any], **_: Any) -> None:
        assert table == "samples_local"
        self.tokens.append(settings["insert_deduplication_token"])


def test_on_a_cluster_a_replica_that_lags_behind_neither_doubles_a_block_nor_stops_the_partition() -> None:
    replica: Any = LaggingReplica()
    sink = Sink(lambda: replica, Layout("otelhouse", "main"), SystemClock())
    sink.store(block(), True, Waiting())
    assert replica.tokens == [f"samples:0:19700:7:{LOG_MS}:0"]
    assert replica.counts == 1


def test_a_token_without_its_rows_does_not_swallow_the_block(client: Client, sink: Sink) -> None:
    sink.store(block(), False, Waiting())
    # What a server that dies between the two leaves behind: the token is known, the part is gone.
    client.command("ALTER TABLE samples DROP PARTITION (0, '2023-12-09')")
    assert count(client) == 0
    sink.store(block(), True, Waiting())
    assert count(client) == 10


def test_a_block_too_large_for_a_part_goes_on_where_it_ended(
    client: Client, clickhouse_settings: ClickHouseSettings
) -> None:
    sink = sink_of(clickhouse_settings, most_rows=4)
    sink.store(block(rows=8), False, Waiting())
    sink.store(block(rows=10), True, Waiting())
    sink.store(block(rows=10), True, Waiting())
    sink.close()
    assert client.query("SELECT count(), uniqExact(series) FROM samples").result_rows == [(10, 10)]


def test_rows_that_no_table_takes_are_a_fault(client: Client, sink: Sink) -> None:
    client.command("ALTER TABLE samples DROP COLUMN value, DROP COLUMN bits")
    with pytest.raises(StorageFault):
        sink.store(block(), False, Waiting())


def test_what_is_not_migrated_yet_is_waited_for(
    client: Client, sink: Sink, clickhouse_settings: ClickHouseSettings
) -> None:
    client.command("DROP TABLE samples SYNC")
    storing = threading.Thread(target=sink.store, args=(block(), False, Waiting()))
    storing.start()
    time.sleep(0.3)
    create_tables(client, clickhouse_settings.database)
    storing.join(10)
    assert count(client) == 10


def test_what_nobody_waits_for_is_given_up(clickhouse_settings: ClickHouseSettings) -> None:
    gone = clickhouse_settings.model_copy(update={"url": "http://127.0.0.1:9"})
    sink, waiting = sink_of(gone), Waiting()
    threading.Timer(0.2, waiting.given_up.set).start()
    with pytest.raises(Abandoned):
        sink.store(block(), False, waiting)


def test_clickhouse_killed_and_back_stores_each_block_once(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        settings = fresh_database(server.url, "t")
        sink = sink_of(settings)
        blocks = [block(number=number) for number in range(1, 61)]
        storing = threading.Thread(target=lambda: [sink.store(each, False, Waiting()) for each in blocks])
        storing.start()
        for pause in (0.15, 0.3):
            time.sleep(pause)
            server.kill()
            time.sleep(0.1)
            server.start()
        storing.join(30)
        sink.close()
        with contextlib.closing(connect(settings)) as client:
            found = "SELECT count(), sum(block_rows), uniqExactIf(block, block > 0) FROM samples"
            assert client.query(found).result_rows == [(600, 600, 60)]
