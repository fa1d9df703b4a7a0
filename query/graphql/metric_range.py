"""What a PromQL expression comes to over a range of time, as a client sees it."""

from __future__ import annotations

import math

import numpy as np
import strawberry

from otelhouse.promql.engine import Result
from otelhouse.promql.errors import ExecutionError, PromQLError, QueryTooLarge
from otelhouse.promql.settings import Steps
from query.errors import BadInput, LimitExceeded
from query.graphql.scalars import JSON, DateTime, SampleValue, sample_text
from query.prometheus.parameters import duration_ms
from query.promql.run import Expressions
from query.source import Range
from schema.arrays import F64, I64

_MS = 1_000_000
MOST_POINTS = 100_000
"""Of one series: each is an object, which takes a hundred times what a number in `columns` takes."""


@strawberry.type(description="A series' value at a step.")
class MetricPoint:
    time: DateTime
    value: SampleValue


@strawberry.type(description="One series of the result; steps without a value are left out.")
class MetricSeries:
    times_ms: strawberry.Private[I64]
    values: strawberry.Private[F64]

    labels: JSON

    @strawberry.field(description=f"At most {MOST_POINTS} of a series.")
    def points(self) -> list[MetricPoint]:
        if len(self.times_ms) > MOST_POINTS:
            raise LimitExceeded(f"points: more than {MOST_POINTS}: ask for columns, or a longer step")
        pairs = zip(self.times_ms.tolist(), self.values.tolist(), strict=True)
        return [MetricPoint(time=DateTime(time * _MS), value=SampleValue(value)) for time, value in pairs]

    @strawberry.field(description="[[times in seconds since the epoch], [values]], the values as in SampleValue.")
    def columns(self) -> JSON:
        values: list[float | str] = [*self.values.tolist()]
        for place in np.flatnonzero(~np.isfinite(self.values)).tolist():
            values[place] = sample_text(self.values[place])
        return JSON([(self.times_ms / 1000).tolist(), values])


@strawberry.type(description="A PromQL expression's value at each step of a range.")
class MetricResult:
    series: list[MetricSeries]
    warnings: list[str] = strawberry.field(description="What may be wrong with the expression or the data.")
    infos: list[str] = strawberry.field(description="What is worth a look: the metric may be no counter, and such.")


async def metric_range(expressions: Expressions, tenant: str, query: str, range: Range, step: str) -> MetricResult:
    """Raises QueryError."""
    at = Steps(-(-range.start // _MS), range.end // _MS, _step(step))
    try:
        run = await expressions.run(tenant, query, at)
    except PromQLError as error:
        raise BadInput(f"query: {error}") from None
    except QueryTooLarge as error:
        raise LimitExceeded(str(error)) from None
    except ExecutionError as error:
        raise BadInput(f"query: {error}") from None
    return MetricResult(series=_series(run.result, at), warnings=run.result.warnings, infos=run.result.infos)


def _step(text: str) -> int:
    try:
        step = duration_ms(text)
    except ValueError as error:
        raise BadInput(f"step: {error}") from None
    if not math.floor(step) > 0:
        raise BadInput("step: a duration above zero, such as 15s")
    return math.floor(step)


def _series(result: Result, at: Steps) -> list[MetricSeries]:
    times = at.times
    return [
        MetricSeries(times_ms=times[present], values=values[present], labels=JSON(labels))
        for labels, values, present in zip(result.labels, result.values, result.present, strict=True)
    ]
