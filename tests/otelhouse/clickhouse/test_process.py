"""The process: how it starts, refuses to start, ends, and what a kill leaves."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import urllib3

from otelhouse.clickhouse import ClickHouseError, connect, insert_arrow, translated
from otelhouse.config import ClickHouseSettings
from tests.support.clickhouse import ClickHouse, start_clickhouse


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouse]:
    with start_clickhouse(tmp_path / "data") as server:
        yield server


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=20) as pool:
        yield pool


def _refusal(data: Path, listen: str) -> str:
    """What the operator reads when it does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "otelhouse.clickhouse_server", "--data", str(data), "--listen", listen],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


def test_it_says_that_it_is_alive_ready_and_measured(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    pool.request("POST", server.url, body="SELECT 1")
    assert pool.request("GET", f"{server.url}/healthz").status == 200
    assert json.loads(pool.request("GET", f"{server.url}/readyz").data) == {"status": "ready", "failed": {}}
    metrics = pool.request("GET", f"{server.url}/metrics").data.decode()
    assert 'otelhouse_clickhouse_requests_total{code="0",kind="select"} 1.0' in metrics


def test_a_data_directory_in_use_is_one_line(server: ClickHouse) -> None:
    assert str(server.data) in _refusal(server.data, "127.0.0.1:0")
    assert "held by another process" in _refusal(server.data, "127.0.0.1:0")


def test_a_data_directory_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in _refusal(tmp_path / "file", "127.0.0.1:0")


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert listen in _refusal(tmp_path, listen)


def test_sigterm_lets_what_runs_finish(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    answers: list[bytes] = []
    sql = "SELECT count() FROM (SELECT sleepEachRow(0.1) FROM numbers(15))"
    ask = threading.Thread(target=lambda: answers.append(pool.request("POST", server.url, body=sql).data))
    ask.start()
    time.sleep(0.5)
    assert server.stop() == 0
    ask.join(10)
    assert answers == [b"15\n"]


def test_sigterm_ends_what_would_run_on(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    answers: list[urllib3.BaseHTTPResponse] = []
    sql = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 77"
    ask = threading.Thread(target=lambda: answers.append(pool.request("POST", server.url, body=sql)))
    ask.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 12
    ask.join(10)
    assert b"QUERY_WAS_CANCELLED" in answers[0].data


def test_pages_of_other_sites_are_refused(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert pool.request("POST", server.url, body="SELECT 1", headers=headers).status == 403
    own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert pool.request("POST", server.url, body="SELECT 1", headers=own).status == 200


def test_a_session_is_not_pretended(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    for sql in ("SET max_threads = 1", "USE system", "CREATE TEMPORARY TABLE t (a UInt8)"):
        answer = pool.request("POST", f"{server.url}/?session_id=mine", body=sql)
        assert (answer.status, b"share no session" in answer.data) == (501, True)
    assert pool.request("POST", f"{server.url}/?session_id=mine", body="SELECT 1").data == b"1\n"


def test_half_a_body_stores_nothing(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    """Whenever the client leaves: before the engine has begun, while it waits, while it reads."""
    pool.request("POST", server.url, body="CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    host, port = server.listen.split(":")
    head = f"POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\n".encode()
    for number in range(30):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head + b"1\n" * (20 if number % 2 else 200_000))
            time.sleep(number % 5 * 0.004)
    deadline = time.monotonic() + 5
    while b"INSERT" in pool.request("POST", server.url, body="SHOW PROCESSLIST").data and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pool.request("POST", server.url, body="SELECT count() FROM t").data == b"0\n"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_a_kill_in_the_middle_of_inserts_leaves_whole_blocks(server: ClickHouse, seed: int) -> None:
    """Each block is stored whole or not at all, and all that was acknowledged is there after the restart."""
    settings = ClickHouseSettings(url=server.url, database="default")
    durable = "fsync_after_insert = 1, fsync_part_directory = 1"
    with contextlib.closing(connect(settings)) as client:
        client.command(f"CREATE TABLE t (block UInt64, s String) ENGINE = MergeTree ORDER BY block SETTINGS {durable}")
    stored = _insert_until_killed(server, settings, random.Random(seed).uniform(0.3, 0.8))
    server.restart()
    with contextlib.closing(connect(settings)) as client:
        rows = client.query("SELECT block, count() FROM t GROUP BY block").result_rows
        assert {count for _, count in rows} == {20_000}
        assert stored <= {block for block, _ in rows}
        assert stored
        insert_arrow(client, "t", _block(10**6), "after")


def _insert_until_killed(server: ClickHouse, settings: ClickHouseSettings, seconds: float) -> set[int]:
    """Blocks that were acknowledged to three writers; it is killed so long after the first."""
    numbers, stored = itertools.count(), set()
    begun = threading.Event()

    def write() -> None:
        with contextlib.suppress(ClickHouseError), contextlib.closing(connect(settings)) as client:
            for number in numbers:
                insert_arrow(client, "t", _block(number), str(number))
                stored.add(number)
                begun.set()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    assert begun.wait(20)
    time.sleep(seconds)
    server.kill()
    for writer in writers:
        writer.join(20)
    return stored


def _block(number: int) -> pa.Table:
    return pa.table({"block": pa.array([number] * 20_000, pa.uint64()), "s": [f"{number} {i}" for i in range(20_000)]})


def test_a_stream_of_any_size_leaves_memory_alone(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    sql = "SELECT number, toString(number), repeat('x', 100) FROM numbers(5000000)"
    pool.request("POST", server.url, body="SELECT 1")
    before = _anonymous_kilobytes(server)
    answer = pool.request("POST", server.url, body=f"{sql} FORMAT JSONCompact", preload_content=False)
    size, peak = 0, before
    for chunk in answer.stream(1 << 20):
        size += len(chunk)
        peak = max(peak, _anonymous_kilobytes(server))
    assert size > 600 << 20
    assert peak - before < 200 << 10


def _anonymous_kilobytes(server: ClickHouse) -> int:
    assert server.process is not None
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0])


def test_the_driver_error_of_a_killed_server_is_translated(server: ClickHouse) -> None:
    with contextlib.closing(connect(ClickHouseSettings(url=server.url, database="default"))) as client:
        server.kill()
        with pytest.raises(ClickHouseError), translated():
            client.query("SELECT 1")


def test_nothing_is_left_behind_by_many_requests(server: ClickHouse, pool: urllib3.PoolManager) -> None:
    """Answers, errors, errors in mid-stream and clients that leave: no file descriptor and no request stays."""
    endless, failing = "SELECT number FROM numbers(1000000000)", "SELECT throwIf(number = 900000) FROM numbers(1000000)"
    pool.request("POST", server.url, body="CREATE TABLE t (n UInt64) ENGINE = Memory")

    def work() -> None:
        for sql in ("SELECT 1", "SELEC", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (x)"):
            pool.request("POST", server.url, body=sql)
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            pool.request("POST", server.url, body=failing)
        leaver = pool.request("POST", server.url, body=endless, preload_content=False)
        next(leaver.stream(1))
        leaver.close()

    def settled() -> int:
        """Pipes and sockets when the server has noticed that the last client left."""
        deadline = time.monotonic() + 10
        while b"otelhouse_clickhouse_running 0.0" not in pool.request("GET", f"{server.url}/metrics").data:
            assert time.monotonic() < deadline, "a request stays"
            time.sleep(0.05)
        return _pipes_and_sockets(server)

    work()
    before = settled()
    for _ in range(10):
        work()
    assert settled() <= before + 1


def _pipes_and_sockets(server: ClickHouse) -> int:
    """Open ones of the server; the engine's threads hold files of /proc besides."""
    assert server.process is not None
    found = 0
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found += str(descriptor.readlink()).startswith(("pipe:", "socket:"))
    return found
