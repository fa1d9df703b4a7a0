"""Searching traces: every condition, on one span; newest first; pages that hold."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.query.house import NOW, House, Tenant, around
from tests.support.rows import SECOND, Event, Link, SpanData

FIND = """query($q: TraceQuery!, $first: Int, $after: String) { traces(query: $q, first: $first, after: $after) {
  edges { cursor node { id start durationMs spanCount errorCount services root { name service } } }
  pageInfo { hasNextPage endCursor } } }"""


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


def found(tenant: Tenant, **conditions: Any) -> set[int]:
    query = {"range": around(), **conditions}
    return {int(edge["node"]["id"], 16) for edge in tenant.ask(FIND, q=query, first=1000)["edges"]}


@pytest.fixture(scope="module")
def searched(house: House) -> Tenant:
    """Traces of one span each, which differ in one thing each; never written to again."""
    tenant = house.tenant()
    base: dict[str, Any] = {"span_id": span_id(1), "time": NOW - SECOND}
    tenant.rows.spans(
        SpanData(trace_id(1), **base, attributes={"n": 3, "s": "blue", "b": True, "list": ["a", 1], "empty": ""}),
        SpanData(trace_id(2), **base, attributes={"n": "3", "s": "green"}),
        SpanData(trace_id(3), **base, attributes={"n": 10.5, "s": "3x"}),
        SpanData(trace_id(4), **base, resource={"s": "blue", "n": 7}),
        SpanData(trace_id(5), **base, scope={"s": "blue"}, scope_name="lib"),
        SpanData(trace_id(6), **base, events=(Event("e", NOW), Event("e", NOW, {"s": "blue"}))),
        SpanData(trace_id(7), **base, links=(Link(trace_id(1), span_id(1), {"s": "blue"}),)),
        SpanData(trace_id(8), **base, service="cart", name="cart.Get", status=2, duration=2_500_000_000),
        SpanData(trace_id(9), **base, service="cart", name="cart.Put", status=1, duration=0),
    )
    return tenant


ALL = set(range(1, 10))
BLUE = {1, 4, 5, 6, 7}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ALL),
        ({"service": "cart"}, {8, 9}),
        ({"service": "car"}, set()),
        ({"operation": "cart.Put"}, {9}),
        ({"service": "cart", "operation": "work"}, set()),
        ({"status": "ERROR"}, {8}),
        ({"status": "OK"}, {9}),
        ({"status": "UNSET"}, ALL - {8, 9}),
        ({"minDurationMs": 2500}, {8}),
        ({"minDurationMs": 2500.001}, set()),
        ({"maxDurationMs": 0}, {9}),
        ({"minDurationMs": 0.5, "maxDurationMs": 1}, ALL - {8, 9}),
        ({"service": None, "operation": None, "attributes": None, "status": None, "minDurationMs": None}, ALL),
        ({"attributes": []}, ALL),
    ],
)
def test_a_condition_on_the_span_itself(searched: Tenant, conditions: dict[str, Any], expected: set[int]) -> None:
    assert found(searched, **conditions) == expected


@pytest.mark.parametrize(
    ("key", "op", "value", "expected"),
    [
        ("s", "EQ", "blue", BLUE),
        ("s", None, "blue", BLUE),
        ("s", "EQ", "Blue", set()),
        ("s", "NE", "blue", ALL - BLUE),
        ("n", "EQ", "3", {1, 2}),
        ("n", "EQ", "3.0", set()),
        ("n", "EQ", "10.5", {3}),
        ("b", "EQ", "true", {1}),
        ("list", "EQ", '["a",1]', {1}),
        ("empty", "EQ", "", {1}),
        ("missing", "EQ", "", set()),
        ("s", "EXISTS", None, BLUE | {2, 3}),
        ("s", "EXISTS", "ignored", BLUE | {2, 3}),
        ("s", "NOT_EXISTS", None, {8, 9}),
        ("s", "REGEX", "l", BLUE),
        ("s", "REGEX", "^g.*n$", {2}),
        ("s", "REGEX", "^e", set()),
        ("s", "REGEX", "", BLUE | {2, 3}),
        ("s", "REGEX", "(?i)BLUE|GREEN", BLUE | {2}),
        ("s", "NOT_REGEX", "e", {3, 8, 9}),
        ("n", "GT", "3", {3, 4}),
        ("n", "GT", "2.5", {1, 2, 3, 4}),
        ("n", "LT", "7", {1, 2}),
        ("n", "LT", "1e1", {1, 2, 4}),
        ("n", "GT", "x", set()),
        ("s", "GT", "0", set()),
        ("s", "LT", "100", set()),
        ("missing", "GT", "-1", set()),
        ("service.name", "EQ", "cart", {8, 9}),
    ],
)
def test_an_attribute_is_found_wherever_it_stands(
    searched: Tenant, key: str, op: str | None, value: str | None, expected: set[int]
) -> None:
    condition = {"key": key, **({"op": op} if op else {}), **({} if value is None else {"value": value})}
    assert found(searched, attributes=[condition]) == expected


def test_conditions_on_several_attributes_all_hold(searched: Tenant) -> None:
    blue = {"key": "s", "value": "blue"}
    assert found(searched, attributes=[blue, {"key": "n", "op": "EXISTS"}]) == {1, 4}
    assert found(searched, attributes=[blue, {"key": "n", "op": "NOT_EXISTS"}]) == {5, 6, 7}


def test_all_conditions_hold_on_one_span(tenant: Tenant) -> None:
    tenant.rows.spans(
        SpanData(trace_id(1), span_id(1), NOW, service="web", attributes={"a": "1"}),
        SpanData(trace_id(1), span_id(2), NOW, service="cart", attributes={"b": "1"}, status=2),
        SpanData(trace_id(2), span_id(3), NOW, service="web", attributes={"a": "1", "b": "1"}, status=2),
    )
    both = [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}]
    assert found(tenant, attributes=both) == {2}
    assert found(tenant, service="web", status="ERROR") == {2}
    assert found(tenant, service="cart", status="ERROR") == {1}


def test_a_range_includes_both_its_ends_to_the_nanosecond(tenant: Tenant) -> None:
    tenant.rows.spans(*(SpanData(trace_id(n), span_id(n), NOW + n) for n in range(1, 6)))
    exact = {"start": "2025-06-15T15:06:40.000000002Z", "end": "2025-06-15T17:06:40.000000004+02:00"}
    assert found(tenant, range=exact) == {2, 3, 4}


def test_a_list_shows_each_trace_at_a_glance(tenant: Tenant) -> None:
    tenant.rows.spans(
        SpanData(trace_id(1), span_id(2), NOW + 5_000_000, 1_000_000, span_id(1), "late", "cart", status=2),
        SpanData(trace_id(1), span_id(1), NOW, 4_000_000, name="root", service="web"),
    )
    tenant.rows.spans(SpanData(trace_id(1), span_id(3), NOW + 1_000_000, 9_000_000, span_id(1), service="stock"))
    (edge,) = tenant.ask(FIND, q={"range": around()})["edges"]
    assert edge["node"] == {
        "id": trace_id(1),
        "start": "2025-06-15T15:06:40Z",
        "durationMs": 10.0,
        "spanCount": 3,
        "errorCount": 1,
        "services": ["web", "stock", "cart"],
        "root": {"name": "root", "service": "web"},
    }


def test_the_newest_trace_comes_first_by_its_start(tenant: Tenant) -> None:
    tenant.rows.spans(
        SpanData(trace_id(9), span_id(1), NOW - 10 * SECOND),
        SpanData(trace_id(9), span_id(2), NOW - SECOND, parent_id=span_id(1), service="cart"),
        SpanData(trace_id(5), span_id(3), NOW - 5 * SECOND),
        SpanData(trace_id(1), span_id(4), NOW - 7 * SECOND, service="cart"),
    )
    order = [int(edge["node"]["id"], 16) for edge in tenant.ask(FIND, q={"range": around()})["edges"]]
    assert order == [5, 1, 9]
    cart = tenant.ask(FIND, q={"range": around(), "service": "cart"})["edges"]
    assert [int(edge["node"]["id"], 16) for edge in cart] == [1, 9]


def test_pages_hold_over_equal_times_and_new_arrivals(tenant: Tenant) -> None:
    tenant.rows.spans(*(SpanData(trace_id(n), span_id(n), NOW - n // 5 * SECOND) for n in range(1, 24)))
    seen: list[int] = []
    after = None
    for page in range(20):
        answer = tenant.ask(FIND, q={"range": around()}, first=4, after=after)
        seen += [int(edge["node"]["id"], 16) for edge in answer["edges"]]
        after = answer["pageInfo"]["endCursor"]
        assert after == answer["edges"][-1]["cursor"]
        # What arrives meanwhile is newer, and belongs to no later page.
        tenant.rows.spans(SpanData(trace_id(1000 + page), span_id(1), NOW + 2 * SECOND))
        if not answer["pageInfo"]["hasNextPage"]:
            break
    assert seen == sorted(range(1, 24), key=lambda n: (n // 5, -n))


@pytest.mark.parametrize("service", [None, "rare", "common"])
@pytest.mark.parametrize("first", [4, 50])
def test_pages_put_together_are_all_that_matches_newest_first(
    scattered: tuple[Tenant, list[SpanData]], service: str | None, first: int
) -> None:
    tenant, spans = scattered
    seen: list[str] = []
    after = None
    while True:
        answer = tenant.ask(FIND, q={"range": around(), "service": service}, first=first, after=after)
        seen += [edge["node"]["id"] for edge in answer["edges"]]
        after = answer["pageInfo"]["endCursor"]
        if not answer["pageInfo"]["hasNextPage"]:
            break
    starts: dict[str, int] = {}
    for span in spans:
        starts[span.trace_id] = min(span.time, starts.get(span.trace_id, span.time))
    matching = {span.trace_id for span in spans if service in (None, span.service)}
    assert seen == sorted(matching, key=lambda trace: (starts[trace], trace), reverse=True)


@pytest.fixture(scope="module")
def scattered(house: House) -> tuple[Tenant, list[SpanData]]:
    """Traces of a second and of half an hour, from crowded to lonely times, some with one start."""
    tenant, seeded = house.tenant(), random.Random(7)
    spans = []
    for trace in range(1, 41):
        start = NOW - int(seeded.choice((1, 30, 600, 3500)) * seeded.choice((0.5, 1, seeded.random())) * SECOND)
        for number in range(seeded.randrange(1, 6)):
            time = min(start + number * seeded.randrange(seeded.choice((1, SECOND, 400 * SECOND))), NOW)
            service = "rare" if seeded.random() < 0.1 else "common"
            spans.append(SpanData(trace_id(trace), span_id(number + 1), time, service=service))
    tenant.rows.spans(*spans)
    return tenant, spans


def test_a_page_goes_on_after_any_of_its_edges(tenant: Tenant) -> None:
    tenant.rows.spans(*(SpanData(trace_id(n), span_id(n), NOW) for n in range(1, 8)))
    edges = tenant.ask(FIND, q={"range": around()}, first=7)["edges"]
    rest = tenant.ask(FIND, q={"range": around()}, first=7, after=edges[3]["cursor"])["edges"]
    assert rest == edges[4:]


def test_nothing_found_is_an_empty_page(tenant: Tenant) -> None:
    assert tenant.ask(FIND, q={"range": around()}) == {
        "edges": [],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"first": 0}, "first: between 1 and 1000"),
        ({"first": -1}, "first: between 1 and 1000"),
        ({"first": 1001}, "first: between 1 and 1000"),
        ({"after": "nonsense"}, "after: this is not a cursor"),
        ({"q": {"range": {"start": "2025-01-02T00:00:00Z", "end": "2025-01-01T00:00:00Z"}}}, "range: end is before"),
        (
            {"q": {"range": {"start": "yesterday", "end": "2025-01-01T00:00:00Z"}}},
            "'$q' has invalid value at .range.start",
        ),
        ({"q": {"range": {"start": 5, "end": "2025-01-01T00:00:00Z"}}}, "'$q' has invalid value at .range.start"),
        ({"q": {"range": around(), "attributes": [{"key": "k"}]}}, "attributes: EQ on 'k' needs a value"),
        ({"q": {"range": around(), "attributes": [{"key": "k", "value": "v"}] * 21}}, "attributes: more than 20"),
        ({"q": {"range": around(), "attributes": [{"key": "k" * 5000, "op": "EXISTS"}]}}, "attributes: key: longer"),
        ({"q": {"range": around(), "status": "BROKEN"}}, "'$q' has invalid value at .status"),
    ],
)
def test_an_argument_that_is_wrong_is_named(tenant: Tenant, variables: dict[str, Any], message: str) -> None:
    code, said = tenant.error(FIND, **{"q": {"range": around()}, **variables})
    assert code == "BAD_INPUT"
    assert message in said


def test_a_pattern_that_re2_does_not_take_is_bad_input(searched: Tenant) -> None:
    for pattern in ("(", "(?=x)", "\\"):
        matches = [{"key": "s", "op": "REGEX", "value": pattern}]
        code, said = searched.error(FIND, q={"range": around(), "attributes": matches})
        assert (code, "RE2" in said) == ("BAD_INPUT", True)
