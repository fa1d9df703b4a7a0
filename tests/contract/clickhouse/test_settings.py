"""Settings, limits and databases belong to one request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.contract.clickhouse.conftest import Http


def test_a_setting_holds_for_its_request_only(client: Client) -> None:
    ask = "SELECT getSetting('max_block_size')"
    before = client.query(ask).result_rows
    assert client.query(ask, settings={"max_block_size": 1234}).result_rows == [(1234,)]
    assert client.query(ask).result_rows == before


def test_settings_of_concurrent_requests_do_not_mix(client: Client) -> None:
    def ask(number: int) -> int:
        got = client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": number})
        return int(got.result_rows[0][0])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(1000, 1100))) == list(range(1000, 1100))


def test_a_hostile_setting_value_is_a_value(client: Client, http: Http) -> None:
    answer = http("POST", body="SELECT getSetting('log_queries')", max_threads="1, log_queries = 0")
    assert answer.status in (400, 500)
    assert b"DB::Exception" in answer.data


def test_an_unknown_setting_is_not_found(http: Http) -> None:
    answer = http("POST", body="SELECT 1", no_such_setting="1")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "115")


def test_async_insert_is_off(client: Client) -> None:
    assert client.query("SELECT toUInt8(getSetting('async_insert'))", settings={"async_insert": 0}).result_rows == [
        (0,)
    ]


def test_the_database_is_that_of_the_request(make_client: Callable[..., Client], database: str) -> None:
    here, elsewhere = make_client(database=database), make_client()
    assert here.query("SELECT currentDatabase()").result_rows == [(database,)]
    assert elsewhere.query("SELECT currentDatabase()").result_rows == [("default",)]


def test_an_unknown_database_is_not_found(http: Http) -> None:
    answer = http("POST", body="SELECT 1", database="no_such_database")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_a_query_over_its_memory_fails_and_the_server_lives(client: Client) -> None:
    hungry = "SELECT groupArray(repeat(toString(number), 100)) FROM numbers(10000000)"
    with pytest.raises(DatabaseError, match="MEMORY_LIMIT_EXCEEDED"):
        client.query(hungry, settings={"max_memory_usage": 50_000_000})
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_a_query_over_its_time_is_a_408(http: Http) -> None:
    slow = "SELECT sleepEachRow(0.1) FROM numbers(50)"
    answer = http("POST", body=slow, max_execution_time="0.3", max_block_size="1", wait_end_of_query="1")
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (408, "159")


def test_a_limit_on_rows_read_is_honoured(client: Client) -> None:
    with pytest.raises(DatabaseError, match="TOO_MANY_ROWS"):
        client.query("SELECT sum(number) FROM numbers(1000000)", settings={"max_rows_to_read": 1000})
