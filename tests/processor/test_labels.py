"""OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility": attributes as labels."""

from __future__ import annotations

import math

import pytest

from processor.metrics_rows import labels as label
from schema.prometheus_name import Strategy

DEFAULT = Strategy.UNDERSCORES_AND_SUFFIXES


def test_keys_that_become_one_name_have_their_values_joined_by_key() -> None:
    assert label.from_attributes([("a.b", "2"), ("a_b", "3"), ("a-b", "1")], DEFAULT) == {"a_b": "1;2;3"}


def test_a_scope_becomes_otel_scope_labels() -> None:
    assert label.of_scope("lib", "1", "https://x", [("team", "core")], DEFAULT) == {
        "otel_scope_name": "lib",
        "otel_scope_version": "1",
        "otel_scope_schema_url": "https://x",
        "otel_scope_team": "core",
    }


@pytest.mark.parametrize(
    ("resource", "job", "instance"),
    [
        ({"service.name": "cart"}, "cart", ""),
        ({"service.name": "cart", "service.namespace": "shop", "service.instance.id": "i1"}, "shop/cart", "i1"),
        ({"service.namespace": "shop"}, "", ""),
        ({}, "", ""),
    ],
)
def test_job_and_instance_come_from_the_service(resource: dict[str, str], job: str, instance: str) -> None:
    assert label.of_target(resource) == {"job": job, "instance": instance}


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (1.0, "1"),
        (0.005, "0.005"),
        (1e21, "1000000000000000000000"),
        (-2.5, "-2.5"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_bounds_are_written_without_an_exponent(bound: float, text: str) -> None:
    assert label.number(bound) == text


def test_an_empty_value_is_no_label_and_names_are_sorted() -> None:
    assert list(label.without_empty({"b": "2", "a": "1", "c": ""}).items()) == [("a", "1"), ("b", "2")]


def test_an_id_depends_on_tenant_metric_labels_and_delta_but_not_on_order() -> None:
    one = label.series_id("acme", "up", {"a": "1", "b": "2"}, "cumulative")
    assert one == label.series_id("acme", "up", {"b": "2", "a": "1"}, "")
    others = [
        label.series_id("blue", "up", {"a": "1", "b": "2"}, ""),
        label.series_id("acme", "down", {"a": "1", "b": "2"}, ""),
        label.series_id("acme", "up", {"a": "1", "b": "2"}, "delta"),
        label.series_id("acme", "up", {"a": "1b", "": "2"}, ""),
        label.series_id("acme", "up", {"a": "1"}, ""),
    ]
    assert len({one, *others}) == 6


def test_an_id_never_changes() -> None:
    # It is stored: a release that computes another one would split every series in two.
    assert label.series_id("acme", "http_requests_total", {"job": "shop"}, "cumulative") == 13416238674190561781
