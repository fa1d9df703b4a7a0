"""What one query may cost ClickHouse, and that it can only read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from query import database
from query.database import CONCURRENT, LIMITS, WAITING, Database
from query.errors import LimitExceeded, Unavailable
from query.plan.sql import statement
from query.plan.tree import Alias, Call, Column, Number, Select, call, equals, text
from query.read.spans import extent, identifiers
from query.source import Range, source
from tests.query.house import NOW, House, Tenant
from tests.support.rows import EdgeData, LogData, SpanData


@pytest.fixture
def reader(house: House) -> Iterator[Database]:
    reader = Database(house.settings.clickhouse)
    yield reader
    reader.close()


def _all(tenant: Tenant, *columns: Alias) -> Select:
    return Select(columns or (Alias(Column("body"), "b"),), source("logs", tenant.name))


@pytest.mark.parametrize(
    ("limit", "value"), [("max_rows_to_read", 10), ("max_result_rows", 10), ("max_memory_usage", 1_000)]
)
def test_a_query_over_a_limit_is_refused(
    reader: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    tenant.rows.logs(*(LogData(NOW, f"{n}" * 100) for n in range(100)))
    assert len(asyncio.run(reader.rows(_all(tenant)))) == 100
    assert limit in LIMITS
    monkeypatch.setitem(database.LIMITS, limit, value)
    with pytest.raises(LimitExceeded, match="narrow its time range"):
        asyncio.run(reader.rows(_all(tenant)))


def test_a_query_that_takes_too_long_is_ended(
    reader: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.rows.logs(*(LogData(NOW, "x") for _ in range(30)))
    monkeypatch.setitem(database.LIMITS, "max_execution_time", 1)
    monkeypatch.setitem(database.LIMITS, "max_block_size", 1)
    slow = Alias(Call("sleepEachRow", (call("divide", Number(1), Number(10)),)), "s")
    with pytest.raises(LimitExceeded):
        asyncio.run(reader.rows(_all(tenant, slow)))


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO series (tenant, metric) VALUES ('a', 'b')",
        "DROP TABLE series",
        "ALTER TABLE series DELETE WHERE 1",
        "CREATE TABLE other (a Int8) ENGINE = Memory",
    ],
)
def test_under_our_settings_nothing_can_be_written(house: House, write: str) -> None:
    with pytest.raises(DatabaseError, match=r"READONLY|readonly"):
        house.client.command(write, settings=LIMITS)
    house.client.command("SELECT 1 FROM series LIMIT 1")


def test_more_queries_than_may_wait_are_refused_at_once(reader: Database, tenant: Tenant) -> None:
    release = threading.Event()

    def hold(*_: object) -> list[object]:
        release.wait(20)
        return []

    async def storm() -> list[object]:
        reader._run = hold  # type: ignore[method-assign, assignment] # a server that answers when it is told to
        waiting = [asyncio.create_task(reader.rows(_all(tenant))) for _ in range(CONCURRENT + WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many"):
            await reader.rows(_all(tenant))
        release.set()
        return [await task for task in waiting]

    assert asyncio.run(storm()) == [[]] * (CONCURRENT + WAITING)


def _plan(house: House, select: Select) -> str:
    planned = statement(select)
    found = house.client.query(f"EXPLAIN indexes = 1 {planned.sql}", parameters=planned.parameters)
    return "\n".join(str(row[0]) for row in found.result_rows)


def test_a_trace_is_found_by_its_id_without_a_scan(house: House, tenant: Tenant) -> None:
    ids = ["ab" * 16, "cd" * 16]
    tenant.rows.spans(*(SpanData(each, "11" * 8, NOW) for each in ids))
    columns = (Alias(Column("trace_id"), "t"),)
    index = _plan(house, Select(columns, source("trace_index", tenant.name), where=(identifiers("trace_id", 16, ids),)))
    assert "trace_id in 2-element set" in index

    reader = Database(house.settings.clickhouse)
    where = asyncio.run(extent(reader, tenant.name, ids))
    reader.close()
    assert where is not None
    assert where.range == Range(NOW, NOW)
    narrow = source("spans", tenant.name, where.range, where.days)
    spans = _plan(house, Select(columns, narrow, where=(identifiers("trace_id", 16, ids),)))
    assert "trace_filter" in spans
    assert "day in" in spans
    key = spans[spans.index("PrimaryKey") : spans.index("trace_filter")]
    assert "toStartOfMinute(time) in" in key


@pytest.mark.parametrize("table", ["red", "service_edges"])
def test_what_was_measured_is_found_by_its_time(house: House, tenant: Tenant, table: str) -> None:
    tenant.rows.red(SpanData("ab" * 16, "11" * 8, NOW))
    tenant.rows.edges(EdgeData("a", "b", NOW))
    narrow = source(table, tenant.name, Range(NOW, NOW + 1))
    plan = _plan(house, Select((Alias(Column("requests"), "r"),), narrow))
    assert "time_range" in plan
    keys = plan[plan.index("PrimaryKey") :]
    assert "(time in (-Inf, '1750000000" in keys[: keys.index("Granules")]


def test_exemplars_of_a_service_are_found_without_those_of_others(house: House, tenant: Tenant) -> None:
    tenant.rows.red_exemplars(SpanData("ab" * 16, "11" * 8, NOW))
    narrow = source("red_exemplars", tenant.name, Range(NOW, NOW + 1))
    columns = (Alias(Column("duration_ns"), "d"),)
    plan = _plan(house, Select(columns, narrow, where=(equals(Column("service"), text("shop")),)))
    assert "time_range" in plan
    assert "(service in ['shop', 'shop'])" in plan[plan.index("PrimaryKey") :]
