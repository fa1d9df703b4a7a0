"""Samples for PromQL out of ClickHouse: which, in what order, and what is too much."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from otelhouse.clock import ManualClock
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import Matcher, MatchType, Selector, selectors
from otelhouse.promql.storage import Samples
from query.database import Database
from query.errors import LimitExceeded
from query.plan.sql import statement
from query.promql.assemble import Chunks, assemble
from query.promql.budget import Budget
from query.promql.known import KnownSeries
from query.promql.recorded import Recordings
from query.promql.storage import TenantSamples
from query.source import days_since
from tests.query.house import NOW, House, Tenant

AT = NOW // 1_000_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    database = Database(house.settings.clickhouse)
    yield database
    database.close()


def read(
    database: Database, tenant: Tenant, text: str | Selector, start: int = AT - 60_000, end: int = AT, **most: int
) -> Samples:
    clock = ManualClock()
    budget = Budget(clock, clock.monotonic() + 30, most.get("series", 100), most.get("samples", 10_000))
    (selector,) = selectors(text) if isinstance(text, str) else (text,)
    return asyncio.run(
        TenantSamples(database, tenant.name, KnownSeries(), Recordings(database, None, clock), budget).select(
            selector, start, end
        )
    )


def shown(samples: Samples) -> dict[str, list[tuple[int, float]]]:
    """Points by label x: (milliseconds after AT, value)."""
    ends = zip(samples.labels, samples.offsets[:-1].tolist(), samples.offsets[1:].tolist(), strict=True)
    points = list(zip((samples.times - AT).tolist(), samples.values.tolist(), strict=True))
    return {labels.get("x", ""): points[start:end] for labels, start, end in ends}


def test_samples_come_by_series_and_time_with_the_start_left_out(database: Database, tenant: Tenant) -> None:
    points = [(AT + after, float(after)) for after in (-60_001, -60_000, -59_999, -1, 0, 1)]
    tenant.rows.samples({"__name__": "a", "x": "1"}, *points, type="counter")
    tenant.rows.samples({"__name__": "a", "x": "2"}, *points[:2])
    tenant.rows.samples({"__name__": "b", "x": "3"}, *points)
    found = read(database, tenant, "a")
    assert found.labels == [{"__name__": "a", "x": "1"}]
    assert shown(found) == {"1": [(-59_999, -59_999.0), (-1, -1.0), (0, 0.0)]}
    assert found.times.dtype == np.int64
    assert found.offsets.tolist() == [0, 3]


def test_parts_that_came_in_any_order_make_one_series(database: Database, tenant: Tenant) -> None:
    for after in ((-20, -10), (-50, -5), (-40, -30), (-45, -10)):
        tenant.rows.samples({"__name__": "a", "x": "1"}, *((AT + each, float(each)) for each in after))
        tenant.rows.samples({"__name__": "a", "x": "2"}, *((AT + each, 2.0 * each) for each in after))
    times = [-50, -45, -40, -30, -20, -10, -5]
    assert shown(read(database, tenant, "a")) == {
        "1": [(each, float(each)) for each in times],
        "2": [(each, 2.0 * each) for each in times],
    }


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1.0, 2.0], 2.0),
        ([-1.0, -2.0], -1.0),
        ([math.nan, 1.0], 1.0),
        ([STALE, -math.inf], -math.inf),
        ([0.0, -0.0], 0.0),
    ],
)
def test_of_two_values_at_one_time_the_larger_counts(
    database: Database, tenant: Tenant, values: list[float], kept: float
) -> None:
    for order in (values, values[::-1]):
        metric = "a" if order is values else "b"
        for value in order:
            tenant.rows.samples({"__name__": metric}, (AT, value))
        (value,) = read(database, tenant, metric).values.tolist()
        assert struct.pack("<d", value) == struct.pack("<d", kept)


def test_stale_markers_keep_their_bits_and_delta_series_are_marked(database: Database, tenant: Tenant) -> None:
    tenant.rows.samples({"__name__": "a", "x": "1"}, (AT, STALE))
    tenant.rows.samples({"__name__": "a", "x": "2"}, (AT, 1.0), temporality="delta")
    found = read(database, tenant, "a")
    by_label = {labels["x"]: place for place, labels in enumerate(found.labels)}
    assert found.values.view(np.uint64)[by_label["1"]] == 0x7FF0000000000002
    assert found.delta[[by_label["1"], by_label["2"]]].tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a{x="1"}', "1"),
        ('a{x!="1"}', "- 2 3"),
        ('a{x=~"1|2"}', "1 2"),
        ('a{x=~"1|.*3"}', "1 3"),
        ('a{x!~"1|2",x!=""}', "3"),
        ('a{x=""}', "-"),
        ('a{x=~"|1"}', "- 1"),
        ('{__name__=~"[ab]",y="z"}', "4"),
        ('{__name__!="a",y="z"}', "4"),
        ('{x=~".+"}', "1 2 3 4"),
        ('a{y!~".+"}', "- 1 2 3"),
        ('a{x=~"line.*break"}', ""),
        ('{x="none"}', ""),
        ('{__name__=~"c.*"}', ""),
    ],
)
def test_matchers_select_as_prometheus_does(database: Database, tenant: Tenant, text: str, expected: str) -> None:
    for x in ("1", "2", "3", ""):
        tenant.rows.samples({"__name__": "a", **({"x": x} if x else {})}, (AT, 1.0))
    tenant.rows.samples({"__name__": "b", "x": "4", "y": "z"}, (AT, 1.0))
    assert sorted(each or "-" for each in shown(read(database, tenant, text))) == expected.split()


def test_a_pattern_that_is_none_is_the_askers_mistake(database: Database, tenant: Tenant) -> None:
    tenant.rows.samples({"__name__": "a", "x": "1"}, (AT, 1.0))
    with pytest.raises(PromQLError, match="pattern"):
        read(database, tenant, (Matcher("x", MatchType.REGEX, "("),))


def test_of_another_tenant_and_of_a_metric_with_the_same_hash_nothing_comes(
    database: Database, house: House, tenant: Tenant
) -> None:
    house.tenant().rows.samples({"__name__": "a"}, (AT, 1.0))
    for name in ("plumless", "buckeroo"):  # both are 0x4ddb0c25 by CRC-32
        tenant.rows.samples({"__name__": name, "x": name}, (AT, 1.0))
    assert shown(read(database, tenant, "a")) == {}
    assert list(shown(read(database, tenant, "plumless"))) == ["plumless"]


def test_a_sample_that_came_days_late_is_found_and_one_of_a_day_before_the_range_is_not_looked_for(
    database: Database, tenant: Tenant
) -> None:
    day = 86_400_000
    tenant.rows.samples({"__name__": "a", "x": "late"}, (AT, 1.0), log_time=(AT + 3 * day) * 1_000_000)
    tenant.rows.samples({"__name__": "a", "x": "ahead"}, (AT, 1.0), log_time=(AT - 3 * day) * 1_000_000)
    assert list(shown(read(database, tenant, "a"))) == ["late"]


def test_a_query_of_too_many_series_or_samples_is_refused_with_what_to_narrow(
    database: Database, tenant: Tenant
) -> None:
    for x in range(3):
        tenant.rows.samples({"__name__": "a", "x": str(x)}, *((AT - each, 1.0) for each in range(10)))
    assert len(read(database, tenant, "a", series=3, samples=30).times) == 30
    with pytest.raises(LimitExceeded, match="more than 2 series: add matchers"):
        read(database, tenant, "a", series=2)
    # Of a short range it shows only as they come.
    with pytest.raises(LimitExceeded, match="more than 29 samples"):
        read(database, tenant, "a", samples=29)
    # Of a long range they are counted first.
    with pytest.raises(LimitExceeded, match=r"would load 30 samples .* may load 29: shorten"):
        read(database, tenant, "a", AT - 3_600_000, samples=29)


def test_blocks_of_any_cut_come_together(tenant: Tenant) -> None:
    random = np.random.default_rng(7)
    ids = np.sort(random.integers(1, 1 << 60, 50).astype(np.uint64))
    series = np.sort(random.integers(0, 50, 5_000))
    times = random.integers(0, 400, 5_000).astype(np.int64)
    order = np.lexsort((times, series))
    series, times = series[order], times[order]
    values = random.integers(0, 9, 5_000).astype(np.float64)
    chunks = Chunks()
    for part in np.array_split(random.permutation(5_000), 7):
        part.sort()
        for block in np.array_split(part, 3):
            chunks.add(ids[series[block]], times[block], values[block].view(np.uint64))
    chunks.add(np.array([7], np.uint64), np.zeros(1, np.int64), np.zeros(1, np.uint64))  # of no series asked for
    offsets, found, best = assemble(chunks, ids)
    wanted: dict[tuple[int, int], float] = {}
    for each, time, value in zip(series.tolist(), times.tolist(), values.tolist(), strict=True):
        wanted[each, time] = max(wanted.get((each, time), -1), value)
    got = {
        (each, int(found[at])): float(best[at]) for each in range(50) for at in range(offsets[each], offsets[each + 1])
    }
    assert got == wanted
    assert list(got) == sorted(wanted)


def test_few_series_of_a_metric_are_found_by_the_index(database: Database, house: House, tenant: Tenant) -> None:
    tenant.rows.samples({"__name__": "a", "x": "1"}, (AT, 1.0))
    clock = ManualClock()
    storage = TenantSamples(
        database,
        tenant.name,
        KnownSeries(),
        Recordings(database, None, clock),
        Budget(clock, clock.monotonic() + 30, 1, 1),
    )
    (selector,) = selectors('a{x="1"}')
    read_of = storage._read("samples", ("series", "time", "bits"), selector, ["a"], days_since(AT), AT - 300_000, AT)
    planned = statement(read_of)
    found = house.client.query(f"EXPLAIN indexes = 1 {planned.sql}", parameters=planned.parameters)
    plan = "\n".join(str(row[0]) for row in found.result_rows)
    key = plan[plan.index("PrimaryKey") :]
    assert "series in 1-element set" in key
    assert "metric_hash in 1-element set" in key
    assert "time in (-Inf, '1750000000" in key
    assert "day in" in plan[: plan.index("PrimaryKey")]
