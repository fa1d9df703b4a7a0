"""GraphQL's metricRange: PromQL over a range of time."""

from __future__ import annotations

import math

import pytest

from query.timestamps import render
from tests.query.house import NOW, Tenant, around
from tests.support.rows import SECOND

METRIC_RANGE = """query($q: String!, $range: TimeRange!, $step: String!) {
  metricRange(query: $q, range: $range, step: $step) {
    series { labels points { time value } columns } warnings infos } }"""
AT = NOW // 1_000_000


def test_a_series_comes_as_points_and_as_columns(tenant: Tenant) -> None:
    tenant.rows.samples({"__name__": "load", "job": "a"}, (AT - 30_000, 0.5), (AT, math.inf))
    found = tenant.ask(METRIC_RANGE, q="load", range=around(20, 0), step="20s")
    assert found == {
        "series": [
            {
                "labels": {"__name__": "load", "job": "a"},
                "points": [
                    {"time": render(NOW - 20 * SECOND), "value": 0.5},
                    {"time": render(NOW), "value": "+Inf"},
                ],
                "columns": [[AT / 1000 - 20, AT / 1000], [0.5, "+Inf"]],
            }
        ],
        "warnings": [],
        "infos": [],
    }


def test_what_is_worth_a_look_is_told(tenant: Tenant) -> None:
    tenant.rows.samples({"__name__": "load"}, (AT - 30_000, 0.5), (AT, 1.0))
    found = tenant.ask(METRIC_RANGE, q="rate(load[1m])", range=around(0, 0), step="1")
    assert [each["columns"][0] for each in found["series"]] == [[AT / 1000]]
    assert "might not be a counter" in found["infos"][0]


@pytest.mark.parametrize(
    ("query", "step", "code"),
    [
        ("load{", "1s", "BAD_INPUT"), ("load[5m]", "1s", "BAD_INPUT"), ("load", "x", "BAD_INPUT"),
        ("load", "0", "BAD_INPUT"), ("load", "100ms", "LIMIT_EXCEEDED"),
        ("load + on(x) group_left load", "1m", "BAD_INPUT"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(tenant: Tenant, query: str, step: str, code: str) -> None:
    for job in "ab":
        tenant.rows.samples({"__name__": "load", "job": job}, (AT, 0.5))
    assert tenant.error(METRIC_RANGE, q=query, range=around(), step=step)[0] == code
