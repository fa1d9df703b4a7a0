"""OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility": names of metrics and labels."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.prometheus_name import MetricKind, Strategy, translated_family, translated_label

GAUGE, SUM, HISTOGRAM = MetricKind.GAUGE, MetricKind.SUM, MetricKind.HISTOGRAM


@pytest.mark.parametrize(
    ("name", "unit", "kind", "monotonic", "expected"),
    [
        ("simple_metric", "", GAUGE, False, "simple_metric"),
        ("http.server.request.duration", "s", HISTOGRAM, False, "http_server_request_duration_seconds"),
        ("request_size", "By", MetricKind.EXPONENTIAL_HISTOGRAM, False, "request_size_bytes"),
        ("response_time", "ms", MetricKind.SUMMARY, False, "response_time_milliseconds"),
        ("job:rate", "", GAUGE, False, "job:rate"),
        ("a", "TiBy", GAUGE, False, "a_tibibytes"),
        ("a", "kBy", GAUGE, False, "a_kBy"),
        ("a", "KBy", GAUGE, False, "a_kilobytes"),
        ("a", "%", GAUGE, False, "a_percent"),
        ("a", "Cel", GAUGE, False, "a_celsius"),
        ("custom_metric", "custom_unit", GAUGE, False, "custom_metric_custom_unit"),
        ("custom_metric", "unit@with#special/chars", GAUGE, False, "custom_metric_unit_with_special_per_chars"),
    ],
)
def test_units_become_words_at_the_end(name: str, unit: str, kind: MetricKind, monotonic: bool, expected: str) -> None:
    assert translated_family(name.encode(), unit.encode(), kind, monotonic) == expected


@pytest.mark.parametrize(
    ("name", "unit", "kind", "monotonic", "expected"),
    [
        ("requests", "", SUM, True, "requests_total"),
        ("requests_total", "", SUM, True, "requests_total"),
        ("total.requests", "", SUM, True, "requests_total"),
        ("items", "1", SUM, True, "items_total"),
        ("cpu.time", "s", SUM, True, "cpu_time_seconds_total"),
        ("cpu_seconds_total", "s", SUM, True, "cpu_seconds_total"),
        ("active_connections", "", SUM, False, "active_connections"),
        ("active_connections", "1", SUM, False, "active_connections"),
    ],
)
def test_monotonic_sums_alone_end_in_total(
    name: str, unit: str, kind: MetricKind, monotonic: bool, expected: str
) -> None:
    assert translated_family(name.encode(), unit.encode(), kind, monotonic) == expected


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("cpu_usage", "1", "cpu_usage_ratio"),
        ("cpu_usage_ratio", "1", "cpu_usage_ratio"),
        ("ratio.of.hits", "1", "of_hits_ratio"),
    ],
)
def test_gauges_of_unit_one_end_in_ratio(name: str, unit: str, expected: str) -> None:
    assert translated_family(name.encode(), unit.encode(), GAUGE, False) == expected


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("requests", "1/s", "requests_per_second"),
        ("throughput", "By/s", "throughput_bytes_per_second"),
        ("throughput.bytes", "By/s", "throughput_bytes_per_second"),
        ("growth", "m/mo", "growth_meters_per_month"),
        ("custom", "{request}", "custom"),
        ("custom", "{request}/s", "custom_per_second"),
        ("custom", "By/{custom}", "custom_bytes"),
        ("custom", "By/", "custom_bytes"),
        ("custom", " By / s ", "custom_bytes_per_second"),
    ],
)
def test_per_units_are_singular_and_annotations_are_left_out(name: str, unit: str, expected: str) -> None:
    assert translated_family(name.encode(), unit.encode(), GAUGE, False) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("metric@@##$$name", "metric_name"),
        ("metric__with__multiple__underscores", "metric_with_multiple_underscores"),
        ("_leading.and.trailing_", "leading_and_trailing"),
        ("2xx.responses", "_2xx_responses"),
        ("temperature.°C", "temperature_C"),
    ],
)
def test_illegal_runs_collapse_to_one_underscore_and_a_leading_digit_gets_one(name: str, expected: str) -> None:
    assert translated_family(name.encode(), b"", GAUGE, False) == expected


def test_a_name_with_nothing_legal_is_kept_by_its_code_points() -> None:
    assert translated_family("ようこそ".encode(), b"s", GAUGE, False) == "U___3088__3046__3053__305d__seconds"
    assert translated_family(b"@#", b"", SUM, True) == "U___40__23__total"
    assert translated_family(b"", b"", GAUGE, False) == "U__"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.method", "http_method"),
        ("label:with:colons", "label_with_colons"),
        ("LabelWithCapitalLetters", "LabelWithCapitalLetters"),
        ("label!with&special$chars)", "label_with_special_chars_"),
        ("two..dots", "two__dots"),
        ("123label", "key_123label"),
        ("_private", "key_private"),
        ("__reserved__", "__reserved__"),
        ("字", "U___5b57_"),
        ("__", "U______"),
        ("", "U__"),
    ],
)
def test_attribute_keys_become_label_names(key: str, expected: str) -> None:
    assert translated_label(key) == expected


@given(st.binary(max_size=40), st.binary(max_size=12), st.sampled_from(MetricKind), st.booleans())
def test_every_family_is_a_legal_metric_name(name: bytes, unit: bytes, kind: MetricKind, monotonic: bool) -> None:
    assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", translated_family(name, unit, kind, monotonic))


@given(st.text(max_size=40))
def test_every_label_is_a_legal_label_name(key: str) -> None:
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", translated_label(key))


# By the behaviour of prometheus/otlptranslator (metric_namer.go, label_namer.go).
@pytest.mark.parametrize(
    ("strategy", "name", "unit", "kind", "monotonic", "expected"),
    [
        (Strategy.UNDERSCORES, "http.server.duration", "s", HISTOGRAM, False, "http_server_duration"),
        (Strategy.UNDERSCORES, "a__b._c", "By", SUM, True, "a__b__c"),
        (Strategy.UNDERSCORES, "a@@b", "1", GAUGE, False, "a_b"),
        (Strategy.UNDERSCORES, "2xx.responses", "", SUM, True, "_2xx_responses"),
        (Strategy.UNDERSCORES, "__", "", GAUGE, False, "__"),
        (Strategy.UNDERSCORES, "ようこそ", "", GAUGE, False, "U___3088__3046__3053__305d_"),
        (Strategy.SUFFIXES, "http.server.duration", "s", HISTOGRAM, False, "http.server.duration_seconds"),
        (Strategy.SUFFIXES, "request.size_bytes", "By", GAUGE, False, "request.size_bytes"),
        (Strategy.SUFFIXES, "requests.total", "", SUM, True, "requests_total"),
        (Strategy.SUFFIXES, "requests", "{request}/s", SUM, True, "requests_per_second_total"),
        (Strategy.SUFFIXES, "throughput.per_second", "By/s", GAUGE, False, "throughput_bytes_per_second"),
        (Strategy.SUFFIXES, "hits.ratio", "1", GAUGE, False, "hits_ratio"),
        (Strategy.SUFFIXES, "total", "", SUM, True, "total_total"),
        (Strategy.SUFFIXES, "größe", "my unit", GAUGE, False, "größe_my unit"),
        (Strategy.NOTHING, "http.server.duration", "s", HISTOGRAM, False, "http.server.duration"),
        (Strategy.NOTHING, "größe", "1", SUM, True, "größe"),
        (Strategy.UNDERSCORES_AND_SUFFIXES, "größe", "1", SUM, True, "gr_e_total"),
    ],
)
def test_other_strategies_keep_characters_or_leave_out_suffixes(
    strategy: Strategy, name: str, unit: str, kind: MetricKind, monotonic: bool, expected: str
) -> None:
    assert translated_family(name.encode(), unit.encode(), kind, monotonic, strategy) == expected


@pytest.mark.parametrize(
    ("strategy", "expected"), [(each, "http_m" if each.escapes else "http.m") for each in Strategy]
)
def test_labels_are_escaped_where_names_are(strategy: Strategy, expected: str) -> None:
    assert translated_label("http.m", strategy) == expected
