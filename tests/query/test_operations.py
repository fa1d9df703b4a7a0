"""Rate, errors and durations of a service's operations, and by values of dimensions."""

from __future__ import annotations

from typing import Any

import pytest

from query.timestamps import render
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


EXEMPLARS = """query($range: TimeRange, $by: [String!], $first: Int) {
  operations(service: "shop", range: $range, by: $by) {
    name kind dimensions exemplars(first: $first) { time durationMs traceId spanId status } } }"""


def exemplar(number: int, milliseconds: int, time: int = NOW - SECOND, **said: Any) -> SpanData:
    return SpanData(f"{number:032x}", f"{number:016x}", time, milliseconds * 1_000_000, **said)


def test_exemplars_are_the_slowest_of_an_operation(tenant: Tenant) -> None:
    tenant.rows.red(measured("GET /", 2), measured("GET /", kind=3))
    tenant.rows.red_exemplars(
        *(exemplar(n, n, name="GET /", status=2 * (n == 7)) for n in (3, 9, 1, 7, 5, 2, 8)),
        exemplar(20, 20, name="GET /", service="bank"),
        exemplar(21, 21, name="POST /"),
        exemplar(22, 22, name="GET /", kind=3),
        exemplar(23, 23, NOW - 3600 * SECOND, name="GET /"),
    )
    server, client = tenant.ask(EXEMPLARS, range=MINUTE, first=3)
    assert server["exemplars"] == [
        {"time": "2025-06-15T15:06:39Z", "durationMs": n, "traceId": f"{n:032x}", "spanId": f"{n:016x}",
         "status": "ERROR" if n == 7 else "UNSET"}
        for n in (9, 8, 7)
    ]  # fmt: skip
    assert [each["durationMs"] for each in client["exemplars"]] == [22]
    assert [each["durationMs"] for each in tenant.ask(EXEMPLARS, range=MINUTE)[0]["exemplars"]] == [9, 8, 7, 5, 3]


def test_exemplars_lie_in_the_tens_of_seconds_that_the_range_touches(tenant: Tenant) -> None:
    tenant.rows.red(measured("GET /", time=NOW - 15 * SECOND))
    inside, outside = (NOW - 20 * SECOND, NOW - 10 * SECOND - 1), (NOW - 20 * SECOND - 1, NOW - 10 * SECOND)
    tenant.rows.red_exemplars(*(exemplar(n, n, time, name="GET /") for n, time in enumerate((*inside, *outside), 1)))
    (found,) = tenant.ask(EXEMPLARS, range={"start": render(NOW - 15 * SECOND), "end": render(NOW - 12 * SECOND)})
    assert [each["durationMs"] for each in found["exemplars"]] == [2, 1]


def test_exemplars_know_no_dimensions_and_one_sent_twice_is_told_once(tenant: Tenant) -> None:
    tenant.rows.red(*(measured("GET /", n, dimensions={"route": f"/{n}"}) for n in (1, 2)))
    for _ in range(2):
        tenant.rows.red_exemplars(exemplar(1, 1, name="GET /"))
    assert [len(each["exemplars"]) for each in tenant.ask(EXEMPLARS, range=MINUTE, by=["route"])] == [1, 1]


@pytest.mark.parametrize("first", [0, -1, 1001])
def test_there_are_as_many_exemplars_as_a_page_holds(tenant: Tenant, first: int) -> None:
    tenant.rows.red(measured("GET /"))
    assert tenant.error(EXEMPLARS, first=first) == ("BAD_INPUT", "first: between 1 and 1000")


def test_operations_cost_as_much_as_other_reads(tenant: Tenant) -> None:
    many = " ".join(f'a{n}: operations(service: "s") {{ name }}' for n in range(20))
    (error,) = tenant.post(f"{{ {many} }}")["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
