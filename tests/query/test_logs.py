"""Searching log records: conditions, order, and pages that hold over equal timestamps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.query.house import NOW, House, Tenant, around
from tests.support.rows import SECOND, LogData

FIND = """query($q: LogQuery!, $first: Int, $after: String) { logs(query: $q, first: $first, after: $after) {
  edges { cursor node { time body severityNumber service traceId attributes resource } }
  pageInfo { hasNextPage endCursor } } }"""
TRACE = "ab" * 16


@pytest.fixture(scope="module")
def searched(house: House) -> Tenant:
    tenant = house.tenant()
    tenant.rows.logs(
        LogData(NOW - 1, "Payment FAILED for order 7", TRACE, severity=17, service="payment", attributes={"order": 7}),
        LogData(NOW - 2, "Straße gesperrt", severity=13, resource={"zone": "b"}),
        LogData(NOW - 3, {"msg": "structured", "n": 1}, severity=5),
        LogData(NOW - 4, "50% done_ [x] \\ 'q'", severity=0, attributes={"order": "7", "note": "Ünïcode"}),
    )
    return tenant


def found(tenant: Tenant, **conditions: Any) -> list[int]:
    """Numbers of the records, in order: 1 is the newest."""
    edges = tenant.ask(FIND, q={"range": around(), **conditions})["edges"]
    return [NOW - _nanoseconds(edge["node"]["time"]) for edge in edges]


def _nanoseconds(time: str) -> int:
    return NOW - SECOND + int(time.rpartition(".")[2].rstrip("Z"))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"service": "payment"}, [1]),
        ({"service": "pay"}, []),
        ({"text": "failed"}, [1]),
        ({"text": "PAYMENT failed FOR"}, [1]),
        ({"text": "STRASSE"}, []),
        ({"text": "straße GESPERRT"}, [2]),
        ({"text": "structured"}, [3]),
        ({"text": "%"}, [4]),
        ({"text": "e_ [X] \\ 'Q'"}, [4]),
        ({"text": ".*"}, []),
        ({"text": ""}, [1, 2, 3, 4]),
        ({"minSeverity": 13}, [1, 2]),
        ({"minSeverity": 0}, [1, 2, 3, 4]),
        ({"minSeverity": 25}, []),
        ({"minSeverity": 2000}, []),
        ({"minSeverity": -5}, [1, 2, 3, 4]),
        ({"traceId": TRACE}, [1]),
        ({"traceId": TRACE.upper()}, [1]),
        ({"attributes": [{"key": "order", "value": "7"}]}, [1, 4]),
        ({"attributes": [{"key": "order", "value": "7"}, {"key": "note", "op": "EXISTS"}]}, [4]),
        ({"attributes": [{"key": "zone", "value": "b"}]}, [2]),
        ({"attributes": [{"key": "zone", "value": "b", "op": "NE"}]}, [1, 3, 4]),
        ({"attributes": [{"key": "order", "value": "6", "op": "GT"}], "minSeverity": 17}, [1]),
    ],
)
def test_conditions(searched: Tenant, conditions: dict[str, Any], expected: list[int]) -> None:
    assert found(searched, **conditions) == expected


def test_a_body_keeps_its_type(searched: Tenant) -> None:
    bodies = [edge["node"]["body"] for edge in searched.ask(FIND, q={"range": around()})["edges"]]
    assert bodies[0] == "Payment FAILED for order 7"
    assert bodies[2] == {"msg": "structured", "n": 1}


def test_pages_hold_when_all_records_have_one_timestamp(tenant: Tenant) -> None:
    tenant.rows.logs(*(LogData(NOW, f"record {n}") for n in range(25)))
    tenant.rows.logs(*(LogData(NOW - n - 1, f"older {n}") for n in range(10)))
    bodies: list[str] = []
    after = None
    for _ in range(20):
        answer = tenant.ask(FIND, q={"range": around()}, first=6, after=after)
        bodies += [edge["node"]["body"] for edge in answer["edges"]]
        after = answer["pageInfo"]["endCursor"]
        if not answer["pageInfo"]["hasNextPage"]:
            break
    assert sorted(bodies[:25]) == sorted(f"record {n}" for n in range(25))
    assert bodies[25:] == [f"older {n}" for n in range(10)]


def test_pages_hold_when_records_are_the_same_in_all(tenant: Tenant) -> None:
    tenant.rows.logs(*(LogData(NOW, "again") for _ in range(11)), LogData(NOW - 1, "end"))
    bodies: list[str] = []
    after = None
    for _ in range(10):
        answer = tenant.ask(FIND, q={"range": around()}, first=3, after=after)
        bodies += [edge["node"]["body"] for edge in answer["edges"]]
        after = answer["pageInfo"]["endCursor"]
        if not answer["pageInfo"]["hasNextPage"]:
            break
    assert bodies == ["again"] * 11 + ["end"]


def test_records_that_arrive_between_pages_move_none(tenant: Tenant) -> None:
    tenant.rows.logs(*(LogData(NOW, f"record {n}") for n in range(8)))
    first = tenant.ask(FIND, q={"range": around()}, first=4)
    tenant.rows.logs(*(LogData(NOW + 1, f"newer {n}") for n in range(5)))
    tenant.rows.logs(*(LogData(NOW, f"same time {n}") for n in range(5)))
    after = first["pageInfo"]["endCursor"]
    rest = tenant.ask(FIND, q={"range": around()}, first=100, after=after)["edges"]
    bodies = [edge["node"]["body"] for edge in (*first["edges"], *rest)]
    assert len(bodies) == len(set(bodies))
    assert {f"record {n}" for n in range(8)} <= set(bodies)
    assert not any(body.startswith("newer") for body in bodies)


def test_a_page_goes_on_after_any_of_its_edges(tenant: Tenant) -> None:
    tenant.rows.logs(*(LogData(NOW - n // 3, f"record {n // 2}") for n in range(12)))
    edges = tenant.ask(FIND, q={"range": around()}, first=100)["edges"]
    for index in (0, 1, 4, 10):
        rest = tenant.ask(FIND, q={"range": around()}, first=100, after=edges[index]["cursor"])["edges"]
        assert [edge["node"] for edge in rest] == [edge["node"] for edge in edges[index + 1 :]]


def test_a_page_of_one_list_is_no_cursor_of_another(searched: Tenant) -> None:
    cursor = searched.ask(FIND, q={"range": around()})["pageInfo"]["endCursor"]
    traces = "query($q: TraceQuery!, $after: String) { traces(query: $q, after: $after) { edges { cursor } } }"
    code, message = searched.error(traces, q={"range": around()}, after=cursor)
    assert (code, message.startswith("after: ")) == ("BAD_INPUT", True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"traceId": "xyz"}, "traceId: a trace id is 32 hexadecimal digits"),
        ({"text": "x" * 5000}, "text: longer than 4096 characters"),
        ({"minSeverity": 1 << 40}, "'$q' has invalid value at .minSeverity"),
        ({"attributes": [{"key": "k", "op": "GT"}]}, "attributes: GT on 'k' needs a value"),
    ],
)
def test_an_argument_that_is_wrong_is_named(tenant: Tenant, query: dict[str, Any], message: str) -> None:
    code, said = tenant.error(FIND, q={"range": around(), **query})
    assert code == "BAD_INPUT"
    assert message in said
