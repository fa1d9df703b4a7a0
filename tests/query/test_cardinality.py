"""What a tenant's series are made of, and what a limit kept out."""

from __future__ import annotations

from typing import Any

from tests.query.house import NOW, House, Tenant, around
from tests.support.rows import SECOND

CARDINALITY = """query($range: TimeRange, $metric: String, $first: Int) {
  cardinality(range: $range, metric: $metric, first: $first) {
    series metrics { metric series } labels { label values series } refused { metric reason series samples } } }"""
TIME = NOW - 30 * SECOND
HOUR = 3600 * SECOND


def labelled(name: str, **labels: str) -> dict[str, str]:
    return {"__name__": name, **labels}


def asked(tenant: Tenant, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = tenant.ask(CARDINALITY, **variables)
    return found


def test_the_metrics_and_labels_with_the_most_series_come_first(tenant: Tenant) -> None:
    users = [labelled("http_total", user=f"u{number}", job="shop") for number in range(7)]
    tenant.rows.series(TIME, *users, labelled("up", job="shop"), labelled("up", job="bank"), labelled("down"))
    found = asked(tenant, range=around())
    assert found["series"] == 10
    assert found["metrics"] == [
        {"metric": "http_total", "series": 7},
        {"metric": "up", "series": 2},
        {"metric": "down", "series": 1},
    ]
    assert found["labels"] == [
        {"label": "job", "values": 2, "series": 9},
        {"label": "user", "values": 7, "series": 7},
    ]
    one = asked(tenant, range=around(), metric="up", first=1)
    assert (one["series"], one["metrics"]) == (2, [{"metric": "up", "series": 2}])
    assert one["labels"] == [{"label": "job", "values": 2, "series": 2}]
    assert len(asked(tenant, range=around(), first=1)["metrics"]) == 1


def test_a_series_counts_in_the_hours_in_which_it_was_active(tenant: Tenant) -> None:
    start = TIME // HOUR * HOUR
    tenant.rows.series(start - HOUR + SECOND, labelled("before"))
    tenant.rows.series(start, labelled("early"))
    tenant.rows.series(start + HOUR, labelled("after"))
    minute = {"start": "2025-06-15T15:06:00Z", "end": "2025-06-15T15:07:00Z"}
    assert asked(tenant, range=minute)["metrics"] == [{"metric": "early", "series": 1}]
    assert asked(tenant)["series"] == 2  # the last hour touches two


def test_a_series_that_is_described_on_two_days_counts_once(tenant: Tenant) -> None:
    for time in (TIME, TIME - 24 * HOUR):
        tenant.rows.series(time, labelled("up"))
    days = {"start": "2025-06-14T00:00:00Z", "end": "2025-06-16T00:00:00Z"}
    assert asked(tenant, range=days)["metrics"] == [{"metric": "up", "series": 1}]


def test_what_a_limit_kept_out_is_told_by_metric(tenant: Tenant) -> None:
    tenant.rows.refused_series(TIME, "http_total", "max_active", 3, 5)
    tenant.rows.refused_series(TIME + SECOND, "http_total", "max_active", 4, 6)
    tenant.rows.refused_series(TIME, "up", "max_new_per_minute", 1, 40)
    assert asked(tenant, range=around())["refused"] == [
        {"metric": "up", "reason": "max_new_per_minute", "series": 1, "samples": 40.0},
        {"metric": "http_total", "reason": "max_active", "series": 4, "samples": 11.0},
    ]
    assert len(asked(tenant, range=around(), metric="up")["refused"]) == 1


def test_series_of_another_tenant_are_not_counted(house: House, tenant: Tenant) -> None:
    house.tenant().rows.series(TIME, labelled("up", secret="x"))
    assert asked(tenant, range=around()) == {"series": 0, "metrics": [], "labels": [], "refused": []}
