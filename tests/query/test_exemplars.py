"""Exemplars by a PromQL expression, with what became of the traces that they name."""

from __future__ import annotations

import pytest

from tests.query.house import NOW, House, Tenant, around
from tests.support.rows import SECOND, DecisionData, ExemplarData, SpanData

EXEMPLARS = """query($promql: String!, $range: TimeRange!) { exemplars(query: $promql, range: $range)
  { labels exemplars { time value traceId spanId attributes traceStatus } } }"""
TIME = NOW - 30 * SECOND
ID, OTHER = "0a" * 16, "0b" * 16


def found(tenant: Tenant, query: str) -> list[dict[str, str]]:
    """Labels of the series that have exemplars."""
    return [each["labels"] for each in tenant.ask(EXEMPLARS, promql=query, range=around())]


def test_an_exemplar_tells_its_trace_and_what_became_of_it(tenant: Tenant) -> None:
    labels = {"job": "shop", "le": "0.5"}
    tenant.rows.exemplars(
        ExemplarData("requests_bucket", TIME, 0.3, ID, "01" * 8, labels, {"user": "u1", "n": 3}),
        ExemplarData("requests_bucket", TIME + SECOND, float("inf"), OTHER, "02" * 8, labels),
        ExemplarData("requests_bucket", TIME - SECOND, 1.0, labels=labels),
    )
    tenant.rows.spans(SpanData(ID, "01" * 8, TIME))
    tenant.rows.decisions(DecisionData(ID, TIME), DecisionData(OTHER, TIME, kept=False))
    (series,) = tenant.ask(EXEMPLARS, promql="rate(requests_bucket[5m])", range=around())
    assert series == {
        "labels": {"__name__": "requests_bucket", **labels},
        "exemplars": [
            {"time": "2025-06-15T15:06:09Z", "value": 1.0, "traceId": None, "spanId": None, "attributes": {},
             "traceStatus": None},
            {"time": "2025-06-15T15:06:10Z", "value": 0.3, "traceId": ID, "spanId": "01" * 8,
             "attributes": {"user": "u1", "n": 3}, "traceStatus": "KEPT"},
            {"time": "2025-06-15T15:06:11Z", "value": "+Inf", "traceId": OTHER, "spanId": "02" * 8, "attributes": {},
             "traceStatus": "DROPPED"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a", "12"),
        ('a{x="1"}', "1"),
        ('a{x!="1"}', "2"),
        ('{x=~"1|3"}', "13"),
        ('{__name__=~"a|b",x!~"[12]"}', "3"),
        ('{__name__=~".+",x=~"1.*"}', "1"),
        ('{__name__=~".+",missing=""}', "123"),
        ('a{missing!=""}', ""),
        ('a{x="1"} / b', "13"),
        ("1", ""),
    ],
)
def test_selectors_choose_series_as_prometheus_does(tenant: Tenant, query: str, expected: str) -> None:
    tenant.rows.exemplars(
        *(ExemplarData(name, TIME, labels={"x": x}) for name, x in (("a", "1"), ("a", "2"), ("b", "3")))
    )
    assert "".join(labels["x"] for labels in found(tenant, query)) == expected


def test_exemplars_outside_of_the_range_and_of_others_are_not_told(house: House, tenant: Tenant) -> None:
    tenant.rows.exemplars(ExemplarData("a", NOW - 7200 * SECOND))
    house.tenant().rows.exemplars(ExemplarData("a", TIME))
    assert found(tenant, "a") == []


def test_an_exemplar_that_was_written_twice_is_told_once(tenant: Tenant) -> None:
    for _ in range(2):
        tenant.rows.exemplars(ExemplarData("a", TIME, trace_id=ID))
    (series,) = tenant.ask(EXEMPLARS, promql="a", range=around())
    assert len(series["exemplars"]) == 1
    assert series["exemplars"][0]["traceStatus"] is None


@pytest.mark.parametrize("query", ["a{", '{a=~"("}', "{}"])
def test_what_is_no_expression_is_the_callers_fault(tenant: Tenant, query: str) -> None:
    code, message = tenant.error(EXEMPLARS, promql=query, range=around())
    assert code == "BAD_INPUT"
    assert message
