"""Requests do not wait for each other, and any of them can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from tests.contract.clickhouse.conftest import Http

_ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 77"


def test_queries_run_beside_each_other(client: Client) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.query("SELECT sleep(0.5)"), range(8)))
    assert time.monotonic() - began < 2.5


def test_many_threads_share_one_client(client: Client) -> None:
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")

    def work(number: int) -> int:
        client.insert("t", [[number]], column_names=["n"])
        return int(client.query("SELECT {n:UInt64} * 2", parameters={"n": number}).result_rows[0][0])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(100))) == [2 * number for number in range(100)]
    assert client.query("SELECT count(), uniqExact(n) FROM t").result_rows == [(100, 100)]


def test_slow_readers_do_not_hold_up_an_insert(client: Client, http: Http) -> None:
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    slow = [http("POST", body="SELECT number FROM numbers(100000000)", stream=True) for _ in range(12)]
    try:
        for answer in slow:
            next(answer.stream(1))
        began = time.monotonic()
        client.insert("t", [[1]], column_names=["n"])
        assert time.monotonic() - began < 2
    finally:
        for answer in slow:
            answer.close()


@pytest.mark.parametrize("mode", ["SYNC", "ASYNC", ""])
def test_kill_stops_a_query_by_its_id(make_client: Callable[..., Client], mode: str) -> None:
    client, query_id = make_client(), f"kill-me-{mode}"
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(client.query, _ENDLESS, settings={"query_id": query_id})
        _until_running(client, query_id)
        killed = client.query(f"KILL QUERY WHERE query_id = {{id:String}} {mode}", parameters={"id": query_id})
        assert [row[1] for row in killed.result_rows] == [query_id]
        with pytest.raises(ClickHouseError, match="QUERY_WAS_CANCELLED"):
            running.result(10)
    client.close()


def test_kill_stops_a_query_whose_client_does_not_read(http: Http) -> None:
    query_id = "stuck-reader"
    stuck = http("POST", body="SELECT number FROM numbers(100000000000)", query_id=query_id, stream=True)
    pieces = stuck.stream(1 << 16)
    next(pieces)
    began = time.monotonic()
    answer = http("POST", body=f"KILL QUERY WHERE query_id = '{query_id}'")
    assert query_id.encode() in answer.data
    with pytest.raises(HTTPError):
        for _ in pieces:
            pass
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("mode", ["SYNC", "ASYNC"])
def test_kill_stops_an_insert_and_nothing_is_stored(client: Client, http: Http, database: str, mode: str) -> None:
    """Also when it waits for its client."""
    client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    killed = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"1\n" * 700_000
        killed.wait(10)
        yield b"2\n" * 700_000

    query_id = f"slow-insert-{database}"
    with ThreadPoolExecutor(1) as threads:
        insert = threads.submit(
            http, "POST", query="INSERT INTO t FORMAT TSV", body=body(), query_id=query_id, database=database
        )
        _until_running(client, query_id)
        began = time.monotonic()
        assert query_id.encode() in http("POST", body=f"KILL QUERY WHERE query_id = '{query_id}' {mode}").data
        assert time.monotonic() - began < 5
        killed.set()
        answer = insert.result(10)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "394"
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]


def test_kill_of_nothing_finds_nothing(http: Http) -> None:
    answer = http("POST", body="KILL QUERY WHERE query_id = 'nobody' SYNC")
    assert (answer.status, answer.data) == (200, b"")


def test_an_id_in_use_is_refused(client: Client, http: Http) -> None:
    stuck = http("POST", body="SELECT number FROM numbers(100000000000)", query_id="twice", stream=True)
    try:
        next(stuck.stream(1))
        answer = http("POST", body="SELECT 1", query_id="twice")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "216"
    finally:
        stuck.close()


def _until_running(client: Client, query_id: str) -> None:
    """A killed nobody is not an error, so a test must wait until there is somebody."""
    deadline = time.monotonic() + 10
    while not client.query("KILL QUERY WHERE query_id = {id:String} TEST", parameters={"id": query_id}).result_rows:
        assert time.monotonic() < deadline, f"{query_id} does not run"
        time.sleep(0.02)
