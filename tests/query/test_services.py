"""Rate, errors and durations of services; names of metrics."""

from __future__ import annotations

import pytest

from query.timestamps import render
from tests.query.house import NOW, Tenant
from tests.support.rows import SECOND, SpanData

SERVICES = """query($range: TimeRange) { services(range: $range) {
  name requestRate errorRate p50Ms p95Ms p99Ms } }"""
METRICS = "query($prefix: String) { metricNames(prefix: $prefix) }"
WITHIN = 0.0225
"""How far a duration may be off: half a bucket."""
MINUTE = {"start": "2025-06-15T15:05:40Z", "end": "2025-06-15T15:06:40Z"}


def _ids(number: int) -> tuple[str, str]:
    return f"{number:032x}", f"{number:016x}"


def test_a_service_is_measured_by_the_spans_that_enter_it(tenant: Tenant) -> None:
    time, parent = NOW - 30 * SECOND, "99" * 8
    tenant.rows.spans(
        *(SpanData(*_ids(n), time, n * 1_000_000, parent, service="web", status=2 * (n > 90)) for n in range(1, 101)),
        SpanData(*_ids(101), time, 9 * SECOND, parent, service="web", kind=3),  # an outgoing call
        SpanData(*_ids(102), time, 5_000_000, parent, service="worker", kind=5),
        SpanData(*_ids(103), time, 7_000_000, service="batch", kind=1),  # a root that no request began
        SpanData(*_ids(104), time, 7_000_000, parent, service="hidden", kind=1),
        SpanData(*_ids(105), time - 3600 * SECOND, 7_000_000, service="gone"),
    )
    batch, web, worker = tenant.ask(SERVICES, range=MINUTE)
    assert (batch["name"], batch["requestRate"], batch["p50Ms"]) == (
        "batch",
        pytest.approx(1 / 60),
        pytest.approx(7, rel=WITHIN),
    )
    assert web["name"] == "web"
    assert web["requestRate"] == pytest.approx(100 / 60)
    assert web["errorRate"] == pytest.approx(0.1)
    assert [web["p50Ms"], web["p95Ms"], web["p99Ms"]] == pytest.approx([50.5, 95.5, 99.5], rel=0.01 + WITHIN)
    assert (worker["name"], worker["errorRate"], worker["p99Ms"]) == ("worker", 0.0, pytest.approx(5, rel=WITHIN))


def test_a_sampled_span_counts_for_all_it_stands_for(tenant: Tenant) -> None:
    time = NOW - SECOND
    tenant.rows.spans(
        SpanData(*_ids(1), time, 1_000_000, adjusted_count=97.5),
        SpanData(*_ids(2), time, 1_000_000_000, adjusted_count=2.5, status=2),
    )
    (shop,) = tenant.ask(SERVICES, range=MINUTE)
    assert shop["requestRate"] == pytest.approx(100 / 60)
    assert shop["errorRate"] == pytest.approx(0.025)
    assert [shop["p50Ms"], shop["p95Ms"], shop["p99Ms"]] == pytest.approx([1, 1, 1000], rel=WITHIN)


@pytest.mark.parametrize("duration", [0, 1, 4095, 4096, 4097, 123_456_789, 3_600 * SECOND, (1 << 62) - 1])
def test_a_duration_of_any_size_is_told_within_two_and_a_quarter_percent(tenant: Tenant, duration: int) -> None:
    tenant.rows.spans(SpanData(*_ids(1), NOW - SECOND, duration))
    (shop,) = tenant.ask(SERVICES, range=MINUTE)
    assert shop["p50Ms"] == pytest.approx(duration / 1e6, rel=WITHIN)


def test_spans_that_sampling_dropped_count_and_those_kept_count_once(tenant: Tenant) -> None:
    kept, dropped = ([SpanData(*_ids(n), NOW - SECOND) for n in numbers] for numbers in (range(1, 4), range(4, 11)))
    tenant.rows.spans(*kept)
    tenant.rows.red(*dropped)
    (shop,) = tenant.ask(SERVICES, range=MINUTE)
    assert shop["requestRate"] == pytest.approx(10 / 60)


@pytest.mark.parametrize(
    ("start", "end", "found", "seconds"),
    [
        (-60, 0, 6, 60),
        (-55, 0, 6, 60),
        (-60, -5, 6, 60),
        (-60, -10, 5, 50),
        (-15, -12, 1, 10),
        (-20, -20, 1, 10),
        (-20, 3, 3, 23),
        (-20, 60, 8, 80),
    ],
)
def test_a_range_takes_the_tens_of_seconds_that_it_touches_up_to_now(
    tenant: Tenant, start: int, end: int, found: int, seconds: float
) -> None:
    tenant.rows.red(*(SpanData(*_ids(1), NOW + n * SECOND) for n in range(-100, 100, 10)))
    wanted = {"start": render(NOW + start * SECOND), "end": render(NOW + end * SECOND)}
    (shop,) = tenant.ask(SERVICES, range=wanted)
    assert shop["requestRate"] == pytest.approx(found / seconds)


def test_without_a_range_it_is_the_last_hour(tenant: Tenant) -> None:
    tenant.rows.spans(
        SpanData(*_ids(1), NOW - 3599 * SECOND), SpanData(*_ids(2), NOW - 3601 * SECOND), SpanData(*_ids(3), NOW + 1)
    )
    (shop,) = tenant.ask(SERVICES)
    assert shop["requestRate"] == pytest.approx(1 / 3600)


def test_series_that_dimensions_make_are_added_up(tenant: Tenant) -> None:
    common = {"time": NOW - SECOND, "span_id": "11" * 8, "trace_id": "22" * 16}
    tenant.rows.red(
        *(SpanData(**common, duration=n * 1_000_000, dimensions={"route": f"/{n % 7}"}) for n in range(1, 101)),
        SpanData(**common, duration=200_000_000, status=2),
    )
    (shop,) = tenant.ask(SERVICES, range=MINUTE)
    assert shop["requestRate"] == pytest.approx(101 / 60)
    assert shop["errorRate"] == pytest.approx(1 / 101)
    assert [shop["p50Ms"], shop["p95Ms"]] == pytest.approx([51, 96], rel=0.01 + WITHIN)


def test_no_spans_are_no_services(tenant: Tenant) -> None:
    assert tenant.ask(SERVICES) == []


def test_metric_names_are_sorted_and_each_is_named_once(tenant: Tenant) -> None:
    tenant.rows.metrics("orders_total", "http_requests_total", "orders_total", "orders%", "Orders")
    assert tenant.ask(METRICS) == ["Orders", "http_requests_total", "orders%", "orders_total"]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("orders", ["orders%", "orders_total"]),
        ("orders_", ["orders_total"]),
        ("orders%", ["orders%"]),
        ("%", []),
        ("", ["orders%", "orders_total"]),
        ("O", []),
    ],
)
def test_a_prefix_is_taken_to_the_letter(tenant: Tenant, prefix: str, names: list[str]) -> None:
    tenant.rows.metrics("orders_total", "orders%")
    assert tenant.ask(METRICS, prefix=prefix) == names
