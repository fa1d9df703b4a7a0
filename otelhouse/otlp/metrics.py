"""From prometheus_client's registry, which /metrics shows, to OTLP: both always say the same."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

_CUMULATIVE = AggregationTemporality.CUMULATIVE
Labels = tuple[tuple[str, str], ...]


def as_otlp(families: Iterable[Family], resource: Resource, scope: str, start_ns: int, now_ns: int) -> MetricsData:
    """One export of all metrics; counters and histograms are cumulative since `start_ns`."""
    metrics = [metric for family in families if (metric := _metric(family, start_ns, now_ns)) is not None]
    scoped = ScopeMetrics(InstrumentationScope(scope), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scoped], "")])


def _metric(family: Family, start_ns: int, now_ns: int) -> Metric | None:
    if family.type == "histogram":
        points = list(_histogram_points(family.samples, start_ns, now_ns))
        return (
            Metric(family.name, family.documentation, family.unit, Histogram(points, _CUMULATIVE)) if points else None
        )
    wanted = f"{family.name}_total" if family.type == "counter" else family.name
    numbers = [
        NumberDataPoint(dict(sample.labels), start_ns, now_ns, sample.value)
        for sample in family.samples
        if sample.name == wanted
    ]
    if not numbers:
        return None
    data = Sum(numbers, _CUMULATIVE, True) if family.type == "counter" else Gauge(numbers)
    return Metric(family.name, family.documentation, family.unit, data)


def _histogram_points(samples: Iterable[Sample], start_ns: int, now_ns: int) -> Iterator[HistogramDataPoint]:
    """Prometheus' buckets count all below their bound, OTLP's those between two bounds."""
    below: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    sums: dict[Labels, float] = {}
    for sample in samples:
        labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
        if sample.name.endswith("_bucket"):
            below[labels].append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    for labels, buckets in below.items():
        buckets.sort()
        counts = [int(count) for _, count in buckets]
        between = [count - before for before, count in zip([0, *counts], counts, strict=False)]
        bounds = [bound for bound, _ in buckets if not math.isinf(bound)]
        yield HistogramDataPoint(
            dict(labels), start_ns, now_ns, counts[-1], sums.get(labels, 0.0), between, bounds, -math.inf, math.inf
        )
