"""Rate, errors and durations of a service's operations, and by values of dimensions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.query.house import NOW, Tenant
from tests.support.rows import SECOND, SpanData

OPERATIONS = """query($service: String = "shop", $range: TimeRange, $by: [String!]) {
  operations(service: $service, range: $range, by: $by) {
    name kind dimensions requestRate errorRate p50Ms p95Ms p99Ms } }"""
MINUTE = {"start": "2025-06-15T15:05:40Z", "end": "2025-06-15T15:06:40Z"}
WITHIN = 0.0225


def measured(name: str, count: float = 1, time: int = NOW - SECOND, **said: Any) -> SpanData:
    return SpanData("ab" * 16, "cd" * 8, time, name=name, adjusted_count=count, **said)


def test_an_operation_is_measured_over_all_its_series_the_busiest_first(tenant: Tenant) -> None:
    tenant.rows.red(
        *(measured("GET /", duration=n * 1_000_000, status=2 * (n > 90), parent_id="ef" * 8) for n in range(1, 101)),
        measured("GET /", kind=3, duration=7_000_000),
        measured("write", 2.5, kind=1, duration=5_000_000, dimensions={"table": "a"}),
        measured("write", 0.5, kind=1, duration=5_000_000, dimensions={"table": "b"}),
        measured("gone", time=NOW - 3600 * SECOND),
        measured("elsewhere", service="bank"),
    )
    get, write, ask = tenant.ask(OPERATIONS, range=MINUTE)
    assert (get["name"], get["kind"], get["dimensions"]) == ("GET /", "SERVER", {})
    assert (get["requestRate"], get["errorRate"]) == (pytest.approx(100 / 60), pytest.approx(0.1))
    assert [get["p50Ms"], get["p95Ms"], get["p99Ms"]] == pytest.approx([50.5, 95.5, 99.5], rel=0.01 + WITHIN)
    assert (write["name"], write["kind"], write["requestRate"]) == ("write", "INTERNAL", pytest.approx(3 / 60))
    assert write["p50Ms"] == pytest.approx(5, rel=WITHIN)
    assert (ask["name"], ask["kind"], ask["errorRate"]) == ("GET /", "CLIENT", 0.0)


def test_values_of_dimensions_are_told_apart_and_others_added_up(tenant: Tenant) -> None:
    tenant.rows.red(
        measured("GET /", 4, dimensions={"route": "/a", "zone": "eu"}),
        measured("GET /", 3, dimensions={"zone": "us", "route": "/a"}),
        measured("GET /", 2, dimensions={"route": ""}),
        measured("GET /", 1, dimensions={"zone": "eu"}),
    )

    def found(*by: str) -> list[tuple[dict[str, str], float]]:
        rows = tenant.ask(OPERATIONS, range=MINUTE, by=list(by))
        return [(row["dimensions"], pytest.approx(row["requestRate"] * 60)) for row in rows]

    assert found() == [({}, 10)]
    assert found("route") == [({"route": "/a"}, 7), ({"route": ""}, 2), ({}, 1)]
    assert found("zone", "route", "zone") == [
        ({"zone": "eu", "route": "/a"}, 4), ({"zone": "us", "route": "/a"}, 3), ({"route": ""}, 2), ({"zone": "eu"}, 1)
    ]  # fmt: skip
    assert found("none") == [({}, 10)]
    assert found("'); DROP", 'it"s', "\\'{x:String}") == [({}, 10)]


def test_without_a_range_it_is_the_last_hour(tenant: Tenant) -> None:
    tenant.rows.red(measured("a", time=NOW - 3599 * SECOND), measured("b", time=NOW - 3620 * SECOND))
    assert [row["name"] for row in tenant.ask(OPERATIONS)] == ["a"]
    assert tenant.ask(OPERATIONS, service="none") == []


def test_keys_are_as_many_as_a_series_may_have(tenant: Tenant) -> None:
    assert tenant.ask(OPERATIONS, by=list("abcdefgh")) == []
    assert tenant.error(OPERATIONS, by=list("abcdefghi")) == ("BAD_INPUT", "by: more than 8 keys")
    assert tenant.error(OPERATIONS, by=["a" * 5000])[1] == "by: longer than 4096 characters"


def test_operations_cost_as_much_as_other_reads(tenant: Tenant) -> None:
    many = " ".join(f'a{n}: operations(service: "s") {{ name }}' for n in range(20))
    (error,) = tenant.post(f"{{ {many} }}")["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
