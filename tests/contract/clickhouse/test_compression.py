"""Compressed bodies, both ways."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import StreamFailureError

from tests.contract.clickhouse.conftest import Http

_PLAIN = b"".join(b"%d\n" % number for number in range(300_000))
_DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "lz4": lz4.frame.decompress,
}
_ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("encoding", sorted(_DECODE))
@pytest.mark.parametrize("rows", [3, 300_000])
def test_answers_are_compressed_as_accepted(http: Http, encoding: str, rows: int) -> None:
    answer = http(
        "POST",
        body=f"SELECT number FROM numbers({rows})",
        headers={"Accept-Encoding": encoding},
        enable_http_compression="1",
    )
    assert answer.headers["Content-Encoding"] == encoding
    assert _DECODE[encoding](answer.data) == b"".join(b"%d\n" % number for number in range(rows))


def test_answers_are_plain_unless_compression_is_asked_for(http: Http) -> None:
    answer = http("POST", body="SELECT 1", headers={"Accept-Encoding": "gzip"}, enable_http_compression="0")
    assert "Content-Encoding" not in answer.headers
    assert answer.data == b"1\n"


@pytest.mark.parametrize("encoding", sorted(_ENCODE))
def test_inserts_may_be_compressed(http: Http, database: str, encoding: str) -> None:
    http("POST", body="CREATE TABLE c (n UInt64) ENGINE = Memory", database=database)
    body, headers = _ENCODE[encoding](_PLAIN), {"Content-Encoding": encoding}
    assert http("POST", query="INSERT INTO c FORMAT TSV", body=body, headers=headers, database=database).status == 200
    assert http("POST", body="SELECT count(), sum(n) FROM c", database=database).data == b"300000\t44999850000\n"


@pytest.mark.parametrize("encoding", sorted(_ENCODE))
def test_a_compressed_body_that_is_cut_short_stores_nothing(http: Http, database: str, encoding: str) -> None:
    http("POST", body="CREATE TABLE c (n UInt64) ENGINE = MergeTree ORDER BY n", database=database)
    body = _ENCODE[encoding](_PLAIN)
    headers = {"Content-Encoding": encoding}
    answer = http("POST", query="INSERT INTO c FORMAT TSV", body=body[:-100], headers=headers, database=database)
    assert answer.status >= 400
    assert http("POST", body="SELECT count() FROM c", database=database).data == b"0\n"


def test_garbage_that_claims_to_be_compressed_is_an_error(http: Http) -> None:
    for encoding in _ENCODE:
        assert http("POST", body=b"SELECT 1 and more", headers={"Content-Encoding": encoding}).status >= 400


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_the_client_compresses_both_ways(make_client: Callable[..., Client], database: str, compress: str) -> None:
    client = make_client(database=database, compress=compress)
    client.command("CREATE TABLE c (n UInt64, s String) ENGINE = Memory")
    client.insert("c", [[number, f"row {number}"] for number in range(50_000)], column_names=["n", "s"])
    rows = client.query("SELECT * FROM c ORDER BY n").result_rows
    assert len(rows) == 50_000
    assert rows[49_999] == (49_999, "row 49999")
    client.close()


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip"])
def test_an_error_in_a_compressed_stream_raises(make_client: Callable[..., Client], compress: str) -> None:
    client = make_client(compress=compress)
    sql = "SELECT number, throwIf(number = 3000000, 'too far') FROM numbers(10000000)"
    with pytest.raises(StreamFailureError, match="too far"), client.query_row_block_stream(sql) as blocks:
        for _ in blocks:
            pass
    client.close()
