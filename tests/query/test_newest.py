"""A search looks at the traces that matched last, and at more only where these do not settle which started last."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from query.database import Database, Reading, Row
from query.plan.sql import statement
from query.plan.tree import Call, Select
from query.read import traces
from query.read.attributes import Match
from query.read.traces import TracePosition, TraceQuery, matching_traces
from query.source import Range
from tests.query.house import NOW, House, Tenant
from tests.support.rows import SECOND, SpanData

_HOUR = Range(NOW - 3600 * SECOND, NOW)


class Counted(Database):
    """Remembers how it was asked."""

    def __init__(self, house: House) -> None:
        super().__init__(house.settings.clickhouse)
        self.asked: list[tuple[Select, Reading]] = []

    async def rows(self, select: Select, reading: Reading = Reading.ALL) -> list[Row]:
        self.asked.append((select, reading))
        return list(await super().rows(select, reading))


@pytest.fixture
def reader(house: House) -> Iterator[Counted]:
    reader = Counted(house)
    yield reader
    reader.close()


def _expected(spans: list[SpanData]) -> list[TracePosition]:
    starts: dict[str, int] = {}
    for span in spans:
        starts[span.trace_id] = min(span.time, starts.get(span.trace_id, span.time))
    return sorted((TracePosition(start, trace_id) for trace_id, start in starts.items()), reverse=True)


def _pages(reader: Database, tenant: Tenant, query: TraceQuery, limit: int) -> list[TracePosition]:
    seen: list[TracePosition] = []
    while True:
        page = asyncio.run(matching_traces(reader, tenant.name, query, limit, seen[-1] if seen else None))
        seen += page
        if len(page) < limit:
            return seen


@pytest.fixture(scope="module")
def crowd(house: House) -> tuple[Tenant, list[SpanData]]:
    """24 traces, of which some last nearly as long as the hour and match all the time, and some start together."""
    tenant, seeded = house.tenant(), random.Random(11)
    spans = []
    for number in range(1, 25):
        start = NOW - seeded.choice((1, 5, 900, seeded.randrange(3600), 3600)) * SECOND
        length = seeded.choice((0, 1, NOW - start))
        for which in range(1, seeded.randrange(2, 9)):
            time = start if which == 1 else start + seeded.randrange(length + 1)
            spans.append(SpanData(f"{number:032x}", f"{which:016x}", time, attributes={"a": "b"}))
    tenant.rows.spans(*spans)
    return tenant, spans


@pytest.mark.parametrize(("ahead", "most"), [(1, 10_000), (1, 1), (2, 30)])
@pytest.mark.parametrize("limit", [4, 100])
@pytest.mark.parametrize("attributes", [(), (Match("a", "b"),)])
def test_however_few_are_looked_at_first_the_pages_are_the_same(
    crowd: tuple[Tenant, list[SpanData]],
    reader: Counted,
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
    most: int,
    limit: int,
    attributes: tuple[Match, ...],
) -> None:
    monkeypatch.setattr(traces, "_AHEAD", ahead)
    monkeypatch.setattr(traces, "_PAGED", 1)
    monkeypatch.setattr(traces, "_MOST", most)
    tenant, spans = crowd
    assert _pages(reader, tenant, TraceQuery(_HOUR, attributes=attributes), limit) == _expected(spans)


def test_where_enough_are_new_one_query_reads_them_in_the_order_of_the_table(
    house: House, tenant: Tenant, reader: Counted
) -> None:
    spans = [SpanData(f"{n:032x}", f"{n:016x}", NOW - n * SECOND) for n in range(1, 1000)]
    tenant.rows.spans(*spans)
    query = TraceQuery(_HOUR, service="shop")
    found = asyncio.run(matching_traces(reader, tenant.name, query, 20, None))
    assert found == _expected(spans)[:20]
    ((select, reading),) = reader.asked
    (condition,) = select.where
    assert isinstance(condition, Call)
    assert isinstance(condition.args[1], Select)
    planned = statement(condition.args[1])
    plan = house.client.query(f"EXPLAIN {planned.sql}", parameters=planned.parameters).result_rows
    assert reading is Reading.IN_ORDER
    assert "InReverseOrder" in "\n".join(row[0] for row in plan)


def test_what_nothing_matches_is_told_by_a_second_query_over_all_of_the_range(tenant: Tenant, reader: Counted) -> None:
    tenant.rows.spans(SpanData(f"{1:032x}", f"{1:016x}", NOW - SECOND))
    assert asyncio.run(matching_traces(reader, tenant.name, TraceQuery(_HOUR, status=2), 20, None)) == []
    assert [reading for _, reading in reader.asked] == [Reading.IN_ORDER, Reading.ALL]


def test_on_a_cluster_the_bound_is_that_of_the_shard_with_the_newest() -> None:
    look = traces._Look(oldest=0, most=2)
    new = [traces._Seen(start, f"{start}", start) for start in (90, 80)]
    old = [traces._Seen(start, f"{start}", start) for start in (20, 10)]
    assert look.settled(new + old) == 80  # the shard of the new ones may have another that started just before
    assert look.settled(old[:1]) == -1  # neither shard had as many as were looked for
