"""What the metrics' processors say of themselves on /metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

REFUSED = Counter(
    "otelhouse_processor_series_refused_samples",
    "Samples that were not stored because their tenant has too many series, by the limit.",
    ("tenant", "reason"),
)
IRREGULAR = Counter(
    "otelhouse_processor_irregular_samples",
    "Samples that are, beside the newest of their series: older (late), of its time with the same value (duplicate)"
    " or another (conflicting), an hour ahead of log time (ahead), of a counter and lower (reset). All are stored.",
    ("tenant", "what"),
)
REPLICAS = Counter(
    "otelhouse_processor_replica_points",
    "Data points that were not stored because another replica of their cluster of Prometheus servers is listened to.",
    ("tenant",),
)
ACTIVE = Gauge("otelhouse_processor_active_series", "Series with a sample in this hour or the last one.", ("tenant",))


def show_active(series: Mapping[str, int]) -> None:
    """Active series by tenant, of all partitions that are owned."""
    ACTIVE.clear()
    for tenant, count in series.items():
        ACTIVE.labels(tenant).set(count)
