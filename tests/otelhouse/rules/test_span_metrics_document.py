"""What a document of span metrics may say, and what is said about one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from otelhouse.rules.documents import parse as parse_kind
from otelhouse.rules.documents.span_metrics import SpanMetrics, parse
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind

RIGHT: list[tuple[dict[str, Any], SpanMetrics]] = [
    ({}, SpanMetrics(dimensions=(), max_series=10_000, service_graph=True, red=True)),
    ({"dimensions": []}, SpanMetrics()),
    ({"dimensions": ["http.route", "team"]}, SpanMetrics(dimensions=("http.route", "team"))),
    ({"dimensions": list("abcdefgh")}, SpanMetrics(dimensions=tuple("abcdefgh"))),
    ({"max_series": 0}, SpanMetrics(max_series=0)),
    ({"max_series": 100_000}, SpanMetrics(max_series=100_000)),
    ({"service_graph": False}, SpanMetrics(service_graph=False)),
    ({"red": False}, SpanMetrics(red=False)),
]


@pytest.mark.parametrize(("document", "says"), RIGHT)
def test_what_is_not_named_is_as_without_a_rule(document: dict[str, Any], says: SpanMetrics) -> None:
    assert parse(document) == parse_kind(Kind.SPAN_METRICS, document) == says


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"dimension": ["a"]}, "dimension: is no setting here"),
    ({"dimensions": "http.route"}, "dimensions: "),
    ({"dimensions": None}, "dimensions: "),
    ({"dimensions": [1]}, "dimensions[0]: "),
    ({"dimensions": ["a", ""]}, "dimensions[1]: "),
    ({"dimensions": ["a", "b" * 1025]}, "dimensions[1]: "),
    ({"dimensions": list("abcdefghi")}, "dimensions: "),
    ({"dimensions": ["a", "b", "a"]}, "dimensions: 'a' is there twice"),
    ({"dimensions": {"a": "b"}}, "dimensions: "),
    ({"max_series": -1}, "max_series: "),
    ({"max_series": 100_001}, "max_series: "),
    ({"max_series": 1.5}, "max_series: "),
    ({"max_series": "10"}, "max_series: "),
    ({"max_series": True}, "max_series: "),
    ({"max_series": None}, "max_series: "),
    ({"service_graph": 1}, "service_graph: "),
    ({"service_graph": None}, "service_graph: "),
    ({"red": "no"}, "red: "),
    ({"red": {}}, "red: "),
]


@pytest.mark.parametrize(("document", "complaint"), WRONG)
def test_what_must_not_be_said_is_refused_by_its_place(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        parse(document)
    assert str(caught.value).startswith(complaint)
