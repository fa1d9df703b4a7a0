"""What a tenant's series are made of, as a client sees it."""

from __future__ import annotations

import strawberry

from query.read.cardinality import Counts


@strawberry.type(description="Active series of a metric.")
class MetricCardinality:
    metric: str
    series: int


@strawberry.type(description="Active series that have a label, and how many values it has in them.")
class LabelCardinality:
    label: str
    values: int
    series: int


@strawberry.type(description="What was not stored of a metric because the tenant has too many series.")
class RefusedSeries:
    metric: str
    reason: str = strawberry.field(description="max_active or max_new_per_minute, the limit's name.")
    series: int = strawberry.field(description="The most that were refused in one window of one partition of the log.")
    samples: float


@strawberry.type(description="What active series are made of. Lists: the largest first.")
class Cardinality:
    series: int = strawberry.field(description="Active series in all.")
    metrics: list[MetricCardinality]
    labels: list[LabelCardinality]
    refused: list[RefusedSeries]


def to_cardinality(counts: Counts) -> Cardinality:
    return Cardinality(
        series=counts.series,
        metrics=[MetricCardinality(**row._asdict()) for row in counts.metrics],
        labels=[LabelCardinality(**row._asdict()) for row in counts.labels],
        refused=[RefusedSeries(**row._asdict()) for row in counts.refused],
    )
