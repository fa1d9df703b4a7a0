"""A search for an attribute reads the granules that can have it, wherever spans may carry it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from query.database import LIMITS, Database
from query.plan.sql import statement
from query.plan.tree import Alias, Column, Select
from query.read.attributes import Match, MatchOp, carriers, filters, holds
from query.read.traces import TraceQuery, matching_traces
from query.source import Range, source
from tests.query.house import NOW, House, Tenant
from tests.support.rows import SECOND, SpanData

_MAPS, _ARRAYS = ("attributes", "scope_attributes"), ("events_attributes", "links_attributes")
_SPANS = 80_000

# 20 granules of one service; what the filter holds of every span but those of one place each is the same key.
_FILL = f"""INSERT INTO spans (tenant, class, day, time, trace_id, span_id, service, name, resource, attributes,
    scope_attributes, events_time, events_name, events_attributes, links_trace_id, links_span_id, links_trace_state,
    links_attributes, block)
SELECT {{tenant:String}}, 0, toDate(20000), fromUnixTimestamp64Nano({NOW} - number * 1000000),
    toFixedString(reinterpretAsString(number + 1), 16), toFixedString(reinterpretAsString(number + 1), 8), 'shop',
    'work', if(number = 5000, 77, 1), map('n', toString(number)),
    if(number = 10000, map('scope', 'one'), map()),
    [fromUnixTimestamp64Nano({NOW})], ['e'], [if(number = 20000, map('event', 'one'), map())],
    ['0123456789abcdef'], ['01234567'], [''], [if(number = 30000, map('link', 'one'), map())], 1
FROM numbers({_SPANS}) SETTINGS max_block_size = {_SPANS}, min_insert_block_size_rows = {_SPANS}, max_threads = 1"""


@pytest.fixture(scope="module")
def filled(house: House) -> Tenant:
    tenant = house.tenant()
    house.client.command(_FILL, parameters={"tenant": tenant.name})
    house.client.command(
        "INSERT INTO resources (tenant, class, day, resource, service, attributes)"
        " VALUES ({tenant:String}, 0, toDate(20000), 77, 'shop', map('pod', 'one'))",
        parameters={"tenant": tenant.name},
    )
    return tenant


@pytest.fixture
def reader(house: House) -> Iterator[Database]:
    reader = Database(house.settings.clickhouse)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match("n", "40000"), 1),
        (Match("n", "none"), 0),
        (Match("scope", "one"), 1),
        (Match("event", "one"), 1),
        (Match("link", "one"), 1),
        (Match("pod", "one"), 1),
        (Match("pod", "two"), 0),
        (Match("link", op=MatchOp.EXISTS), 1),
        (Match("event", "^o", MatchOp.REGEX), 1),
        (Match("scope", "0", MatchOp.GT), 0),
    ],
)
def test_granules_that_cannot_have_the_attribute_are_not_read(
    house: House, filled: Tenant, reader: Database, match: Match, expected: int
) -> None:
    known = asyncio.run(carriers(reader, filled.name, match))
    select = Select(
        (Alias(Column("trace_id"), "id"),),
        source("spans", filled.name),
        where=(holds(match, _MAPS, _ARRAYS, known, filtered=True),),
    )
    planned = statement(select)
    assert len(house.client.query(planned.sql, parameters=planned.parameters, settings=LIMITS).result_rows) == expected
    plan = house.client.query(f"EXPLAIN indexes = 1 {planned.sql}", parameters=planned.parameters).result_rows
    found = re.search(r"Name: attribute_filter.*?Granules: (\d+)/(\d+)", "\n".join(row[0] for row in plan), re.DOTALL)
    assert found is not None
    left, all_of_them = int(found[1]), int(found[2])
    assert all_of_them >= 20
    assert left <= 5  # one, and those that a filter wrong once in 50 times may let through


@pytest.mark.parametrize("op", [MatchOp.NE, MatchOp.NOT_REGEX, MatchOp.NOT_EXISTS])
def test_the_filter_has_no_part_in_a_negative_condition(filled: Tenant, reader: Database, op: MatchOp) -> None:
    match = Match("link", "one", op)
    known = asyncio.run(carriers(reader, filled.name, match))
    assert not filters(match, known)
    condition = holds(match, _MAPS, _ARRAYS, known, filtered=True)
    select = Select((Alias(Column("trace_id"), "id"),), source("spans", filled.name), where=(condition,))
    assert "indexHint" not in statement(select).sql
    assert len(asyncio.run(reader.rows(select))) == _SPANS - 1


def test_where_very_many_resources_carry_the_attribute_they_are_found_by_the_store(
    tenant: Tenant, reader: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.read.attributes.MOST_CARRIERS", 3)
    tenant.rows.spans(
        *(SpanData(f"{n:032x}", f"{n:016x}", NOW - n * SECOND, resource={"zone": "a", "n": n}) for n in range(1, 6))
    )
    match = Match("zone", "a")
    assert not filters(match, asyncio.run(carriers(reader, tenant.name, match)))
    query = TraceQuery(Range(NOW - 3600 * SECOND, NOW), attributes=(match,))
    found = asyncio.run(matching_traces(reader, tenant.name, query, 10, None))
    assert [int(position.trace_id, 16) for position in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("length", [0, 1, 255, 257, 3600 * SECOND])
def test_a_range_of_any_length_is_searched_to_its_beginning(tenant: Tenant, reader: Database, length: int) -> None:
    tenant.rows.spans(SpanData(f"{1:032x}", f"{1:016x}", NOW - length), SpanData(f"{2:032x}", f"{2:016x}", NOW))
    query = TraceQuery(Range(NOW - length, NOW))
    found = asyncio.run(matching_traces(reader, tenant.name, query, 10, None))
    assert {int(position.trace_id, 16) for position in found} == {1, 2}
