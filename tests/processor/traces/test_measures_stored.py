"""What is measured, in the real ClickHouse: rows come back as they went in, and bring back what was admitted."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.clickhouse import connect, insert_arrow
from otelhouse.config import ClickHouseSettings
from processor.traces.cardinality import OVERFLOW, Admitted, Cardinality, admitted_query
from processor.traces.exemplars import exemplar_rows
from processor.traces.graph import WAIT_MS, ServiceGraph
from schema.record import block_number
from tests.processor.storage import create_tables
from tests.processor.traces import test_graph, test_red
from tests.processor.traces.made import Made, facts, measured, plain, record_of

DAY_MS, DAY = 19_700 * 86_400_000, 19_700
RULE = {"dimensions": ("host.name", "http.method"), "max_series": 30}


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with contextlib.closing(connect(clickhouse_settings)) as client:
        create_tables(client, clickhouse_settings.database)
        yield client


def store(client: Client, table: str, rows: pa.RecordBatch) -> None:
    for kept in sorted(set(rows.column("class").to_pylist())):
        part = rows.filter(pa.array([each == kept for each in rows.column("class").to_pylist()]))
        insert_arrow(client, table, pa.Table.from_batches([part]), "", {})


def stored(client: Client, table: str, rows: pa.RecordBatch, block: int) -> list[str]:
    """The rows of a block, in the columns of `rows`."""
    columns = ", ".join(rows.schema.names)
    query = f"SELECT {columns} FROM {table} WHERE block = {{block:UInt64}}"
    found = client.query(query, parameters={"block": block}, column_formats={"*": "string"})
    return sorted(_told(row) for row in found.result_rows)


def sent(rows: pa.RecordBatch) -> list[str]:
    return sorted(_told(row) for row in plain(rows, *rows.schema.names))


def _told(row: tuple[Any, ...]) -> str:
    return repr([_plain(value) for value in row])


def _plain(value: Any) -> Any:
    """Times in whole seconds, maps as lists of pairs."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    return list(value.items()) if isinstance(value, dict) else value


def test_red_comes_back_as_it_went_in_and_restores_what_was_admitted(client: Client) -> None:
    records = test_red.made_at_random(random.Random(5), 40)
    cuts = [(0, 15), (15, 30), (30, 40)]
    windows = [facts(records[a:b], end=b, since_ms=DAY_MS) for a, b in cuts]
    whole = Cardinality()
    rows = [measured(window, whole, **RULE) for window in windows]
    for (_, end), each in zip(cuts, rows, strict=True):
        store(client, "red", each)
        assert stored(client, "red", each, block_number(5, end)) == sent(each)
    restored = Cardinality()
    query, parameters = admitted_query(DAY, block_number(5, 15))
    restored.restore(DAY, (Admitted(*row) for row in client.query(query, parameters=parameters).result_rows))
    assert measured(windows[1], restored, **RULE).equals(rows[1])
    assert measured(windows[2], restored, **RULE).equals(rows[2])


def test_other_days_and_partitions_bring_back_nothing(client: Client) -> None:
    store(client, "red", measured(facts([record_of(0, Made())], end=7, since_ms=DAY_MS), Cardinality()))
    for day, block, found in (
        (DAY, block_number(5, 7), 1),
        (DAY, block_number(5, 6), 0),
        (DAY + 1, block_number(5, 7), 0),
        (DAY, block_number(6, 7), 0),
        (DAY, block_number(4, 7), 0),
    ):
        query, parameters = admitted_query(day, block)
        assert len(client.query(query, parameters=parameters).result_rows) == found


def test_edges_come_back_as_they_went_in(client: Client) -> None:
    records, _ = test_graph.made_at_random(random.Random(3), 60)
    rows = ServiceGraph().feed(facts(records, log_ms=records[-1].append_ms + WAIT_MS))
    assert rows.num_rows > 20
    store(client, "service_edges", rows)
    assert stored(client, "service_edges", rows, block_number(5, 100)) == sent(rows)


def test_histograms_of_windows_are_added_by_the_server(client: Client) -> None:
    for end in (1, 2):
        spans = [Made(duration=duration) for duration in (1_000, 5_000 * end)]
        store(client, "red", measured(facts([record_of(0, *spans)], end=end, since_ms=DAY_MS), Cardinality()))
    ((buckets, counts),) = client.query("SELECT sumMap(buckets, counts) AS h FROM red").result_rows[0]
    assert list(counts) == [2.0, 1.0, 1.0]
    assert list(buckets) == [159, 196, 212]


def test_exemplars_come_back_as_they_went_in(client: Client) -> None:
    rows = exemplar_rows(facts(test_red.made_at_random(random.Random(6), 40)))
    assert rows.num_rows > 20
    store(client, "red_exemplars", rows)
    assert stored(client, "red_exemplars", rows, block_number(5, 100)) == sent(rows)
    times = client.query("SELECT toUnixTimestamp64Nano(time) FROM red_exemplars").result_rows
    assert sorted(time for (time,) in times) == sorted(rows.column("time").cast(pa.int64()).to_pylist())


def test_a_service_called_like_the_overflow_is_stored(client: Client) -> None:
    made = [Made(service=OVERFLOW), Made(service="b"), Made(service=OVERFLOW, name="c")]
    rows = measured(facts([record_of(0, *made)], end=1, since_ms=DAY_MS), Cardinality(), max_series=1)
    store(client, "red", rows)
    assert stored(client, "red", rows, block_number(5, 1)) == sent(rows)
