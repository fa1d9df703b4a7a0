"""What one PromQL query may take, and that it ends with its client, or with its time."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from typing import Any

import pytest
from structlog.testing import capture_logs

from otelhouse.clock import ManualClock
from otelhouse.config import PromQLSettings
from otelhouse.promql.engine import Result, evaluate
from otelhouse.promql.settings import Steps
from query.database import Database
from query.plan.tree import Alias, Call, Column, Number, Select, call
from query.promql import run
from query.promql.known import Described, KnownSeries
from query.promql.run import Expressions
from query.source import source
from tests.query.house import NOW, House, Tenant
from tests.query.prometheus_house import ask, refused
from tests.support.rows import LogData


class Held:
    """In place of the evaluation: holds until it is released, or cancelled."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.cancelled = threading.Event()
        self.running = 0

    async def evaluate(self, *arguments: Any) -> Result:
        self.running += 1
        try:
            while not self.released.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await evaluate(*arguments)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(run, "evaluate", held.evaluate)
    yield held
    held.released.set()


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_query_ends_when_its_client_leaves(tenant: Tenant, held: Held) -> None:
    connection = http.client.HTTPConnection(tenant.http)
    connection.request("GET", "/api/v1/query?query=1", headers={"authorization": f"Bearer {tenant.key}"})
    until(lambda: held.running == 1)
    assert not held.cancelled.is_set()
    connection.close()
    assert held.cancelled.wait(10)


def test_a_query_whose_time_is_out_is_ended(tenant: Tenant, held: Held) -> None:
    told = refused(tenant, "query", {"query": "1", "timeout": "100ms"})
    assert told == (503, "timeout", "query timed out in expression evaluation")
    assert held.cancelled.wait(10)


def test_a_tenant_has_so_many_places_and_takes_none_of_others(house: House, tenant: Tenant, held: Held) -> None:
    places = PromQLSettings().concurrent_queries
    with ThreadPoolExecutor(places) as threads:
        waiting = [threads.submit(ask, tenant, "query", {"query": "1", "time": n}) for n in range(places)]
        until(lambda: held.running == places)
        told = refused(tenant, "query", {"query": "1", "timeout": "0.1"})
        assert told == (503, "timeout", "query timed out in query queue")
        assert refused(house.tenant(), "query", {"query": "1", "timeout": "0.1"})[2].endswith("expression evaluation")
        held.released.set()
        assert [each.result()["result"] for each in waiting] == [[n, "1"] for n in range(places)]


@pytest.mark.parametrize("parts", [1, 6], ids=["before it answers", "while it answers"])
def test_a_cancelled_read_ends_on_the_server_too(house: House, tenant: Tenant, parts: int) -> None:
    for _ in range(parts):
        tenant.rows.logs(*(LogData(NOW, "x" * 500_000) for _ in range(29 // parts)))  # more than is held back
    slow = Alias(Call("sleepEachRow", (call("divide", Number(1), Number(10)),)), "s")
    select = Select((slow, Alias(Column("body"), "b")), source("logs", tenant.name))
    began = threading.Event()

    def consume(stream: BufferedReader) -> bytes:
        began.set()
        return stream.read()

    def running() -> bool:
        asked = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'"
        return int(house.client.query(asked).result_rows[0][0]) > 0

    async def leave(reader: Database) -> None:
        task = asyncio.create_task(reader.read(select, "RowBinary", consume, {"max_threads": 1}))
        await asyncio.to_thread(until, began.is_set if parts > 1 else running)
        assert await asyncio.to_thread(running)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    reader = Database(house.settings.clickhouse)
    try:
        asyncio.run(leave(reader))
        until(lambda: not running(), 1.5)
    finally:
        reader.close()


@pytest.mark.parametrize(("seconds", "lines"), [(0.0, 1), (10.0, 0)])
def test_a_slow_query_is_logged_with_what_it_read(seconds: float, lines: int) -> None:
    database: Any = None  # which no number needs
    expressions = Expressions(database, ManualClock(), PromQLSettings(slow_seconds=seconds))
    with capture_logs() as logs:
        asyncio.run(expressions.run("acme", "1 + 1", Steps.at(5)))
    told = [line for line in logs if line["event"] == "slow query"]
    assert len(told) == lines
    assert all(
        (line["tenant"], line["query"], line["samples"], line["outcome"]) == ("acme", "1 + 1", 0, "ok") for line in told
    )


def test_labels_that_were_not_asked_for_lately_are_forgotten() -> None:
    known = KnownSeries(most=4)
    for each in range(10):
        known.add("a", [(each, Described({"x": str(each)}, False))])
        assert known.find("a", [0]) == [Described({"x": "0"}, False)]  # what is asked for stays
        assert known.find("b", [0]) == [None]
    assert known.find("a", [1, 2, 3]) == [None, None, None]
