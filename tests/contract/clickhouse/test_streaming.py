"""Large results and large inserts pass through in bounded memory; errors within them are errors."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, StreamFailureError
from urllib3.exceptions import HTTPError

from tests.contract.clickhouse.conftest import Http

_FAILS_LATE = "SELECT number, throwIf(number = 3000000, 'too far') FROM numbers(10000000)"


def test_rows_stream_in_blocks(client: Client) -> None:
    rows = 0
    with client.query_row_block_stream("SELECT number, number + 1 FROM numbers(500000)") as blocks:
        for block in blocks:
            assert all(right == left + 1 for left, right in block[:10])
            rows += len(block)
    assert rows == 500_000


def test_arrow_streams_in_batches(client: Client) -> None:
    rows, batches = 0, 0
    with client.query_arrow_stream("SELECT number FROM numbers(3000000)") as stream:
        for batch in stream:
            rows += batch.num_rows
            batches += 1
    assert rows == 3_000_000
    assert batches > 1


def test_a_raw_stream_is_every_byte(client: Client) -> None:
    with client.raw_stream("SELECT number FROM numbers(1000000)", fmt="TSV") as stream:
        text = stream.read()
    assert text == b"".join(b"%d\n" % number for number in range(1_000_000))


def test_an_error_in_mid_stream_raises_instead_of_ending(client: Client) -> None:
    with pytest.raises(StreamFailureError, match="too far"), client.query_row_block_stream(_FAILS_LATE) as blocks:
        for _ in blocks:
            pass


def test_an_error_in_mid_stream_of_arrow_raises(client: Client) -> None:
    with pytest.raises(Exception, match=r".+"), client.query_arrow_stream(_FAILS_LATE) as stream:
        for _ in stream:
            pass
    assert client.query("SELECT 1").result_rows == [(1,)]


@pytest.mark.parametrize("compress", ["0", "1"])
def test_an_error_in_mid_stream_breaks_the_body_and_is_told_within_it(http: Http, compress: str) -> None:
    headers = {"Accept-Encoding": "identity"}
    answer = http("POST", body=_FAILS_LATE, stream=True, headers=headers, enable_http_compression=compress)
    assert answer.status == 200
    text = b""
    with pytest.raises(HTTPError):  # noqa: PT012 - the read that fails is one of many
        for chunk in answer.stream(1 << 20):
            text = (text + chunk)[-4096:]
    tag = answer.headers["X-ClickHouse-Exception-Tag"].encode()
    assert b"__exception__\r\n" + tag + b"\r\nCode: 395. DB::Exception: too far" in text
    assert text.endswith(b" " + tag + b"\r\n__exception__\r\n")


def test_a_client_that_stops_reading_stops_the_query(client: Client, http: Http) -> None:
    answer = http("POST", body="SELECT number FROM numbers(100000000000)", query_id="left-alone", stream=True)
    next(answer.stream(1))
    answer.close()
    _until_gone(client, "SELECT number FROM numbers(100000000000)")


def test_a_client_that_leaves_before_the_first_row_stops_the_query(client: Client, http: Http) -> None:
    sql = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 77"
    impatient = http("POST", body="SELECT 1")
    assert impatient.status == 200
    with pytest.raises(Exception, match="timed out"):
        http._pool.request("POST", http._base, body=sql, timeout=0.5, retries=False)
    _until_gone(client, sql)


def test_a_large_insert_is_streamed(client: Client) -> None:
    client.command("CREATE TABLE big (n UInt64) ENGINE = MergeTree ORDER BY n")

    def pieces() -> Iterator[bytes]:
        for start in range(0, 2_000_000, 100_000):
            yield b"".join(b"%d\n" % number for number in range(start, start + 100_000))

    client.raw_insert("big", ["n"], pieces(), fmt="TSV")
    assert client.query("SELECT count(), sum(n) FROM big").result_rows == [(2_000_000, 1_999_999_000_000)]


def test_an_error_late_in_a_large_insert_is_told(client: Client) -> None:
    client.command("CREATE TABLE big (n UInt64) ENGINE = MergeTree ORDER BY n")
    data = b"1\n" * 3_000_000 + b"not a number\n" + b"1\n" * 3_000_000
    with pytest.raises(ClickHouseError, match="CANNOT_PARSE"):
        client.raw_insert("big", ["n"], data, fmt="TSV")


def test_an_insert_into_nowhere_is_told_however_much_is_sent(client: Client) -> None:
    with pytest.raises(ClickHouseError, match="UNKNOWN_TABLE"):
        client.raw_insert("nowhere", ["n"], b"1\n" * 10_000_000, fmt="TSV")


def _until_gone(client: Client, text: str) -> None:
    deadline = time.monotonic() + 10
    sql = "SELECT count() FROM system.processes WHERE startsWith(query, {text:String})"
    while client.query(sql, parameters={"text": text}).result_rows != [(0,)]:
        assert time.monotonic() < deadline, "the query still runs"
        time.sleep(0.05)
