"""What ClickHouse is found to hold of a partition without a commit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import Retryable, connect
from otelhouse.config import ClickHouseSettings
from processor.stored import LookUp, Stored
from schema.record import block_number
from tests.processor.storage import create_tables

TRACES = TopicPartition("telemetry.traces", 1)
DAY = 19_700


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with contextlib.closing(connect(clickhouse_settings)) as client:
        create_tables(client, clickhouse_settings.database)
        yield client


@pytest.fixture
def look_up(clickhouse_settings: ClickHouseSettings) -> LookUp:
    return LookUp(lambda: connect(clickhouse_settings))


def put(client: Client, table: str, end: int, partition: int = 1, day: int = DAY, retention_class: int = 0) -> None:
    client.command(
        f"INSERT INTO {table} (class, day, block) SELECT {retention_class}, toDate({day}), "
        f"{block_number(partition, end)} FROM numbers(3)"
    )


def test_nothing_is_stored_in_empty_tables(client: Client, look_up: LookUp) -> None:
    put(client, "spans", 50, partition=0)
    put(client, "spans", 50, partition=2)
    put(client, "logs", 50)
    assert look_up(TRACES) is None


def test_the_newest_two_blocks_are_found_over_all_tables_of_the_signal(client: Client, look_up: LookUp) -> None:
    for end in (10, 20, 30):
        put(client, "spans", end)
    put(client, "trace_index", 30)
    put(client, "trace_index", 25, retention_class=2)
    put(client, "trace_index", 99, partition=2)
    assert look_up(TRACES) == Stored(25, 30, DAY)


def test_the_day_is_that_of_the_newest_block(client: Client, look_up: LookUp) -> None:
    put(client, "trace_index", 20, day=DAY + 1)
    put(client, "spans", 10, day=DAY)
    assert look_up(TRACES) == Stored(10, 20, DAY + 1)


def test_one_block_has_none_before_it(client: Client, look_up: LookUp) -> None:
    put(client, "samples", 20)
    assert look_up(TopicPartition("telemetry.metrics", 1)) == Stored(None, 20, DAY)


def test_nothing_is_stored_where_nothing_is_migrated(clickhouse_settings: ClickHouseSettings) -> None:
    nowhere = clickhouse_settings.model_copy(update={"database": "not_made_yet"})
    assert LookUp(lambda: connect(clickhouse_settings))(TRACES) is None
    assert LookUp(lambda: connect(nowhere))(TRACES) is None


def test_a_clickhouse_that_is_down_is_no_empty_one(clickhouse_settings: ClickHouseSettings) -> None:
    gone = clickhouse_settings.model_copy(update={"url": "http://127.0.0.1:9"})
    with pytest.raises(Retryable):
        LookUp(lambda: connect(gone))(TRACES)
