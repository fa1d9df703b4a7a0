"""Exemplars of metrics as a client sees them."""

from __future__ import annotations

import strawberry

from query.graphql.decision_state import State
from query.graphql.scalars import JSON, DateTime, SampleValue
from query.read.exemplars import Exemplars


@strawberry.type(description="A sample that names the trace it came from.")
class Exemplar:
    time: DateTime
    value: SampleValue
    trace_id: strawberry.ID | None
    span_id: strawberry.ID | None
    attributes: JSON = strawberry.field(description="What else the exemplar says.")
    trace_status: State | None = strawberry.field(
        description="Whether the trace can be opened: KEPT and UNSAMPLED ones can, PENDING ones perhaps soon. Null: no "
        "span of it was ever seen."
    )


@strawberry.type(description="Exemplars of one series, by time.")
class ExemplarSeries:
    labels: JSON
    exemplars: list[Exemplar]


def to_exemplars(found: Exemplars) -> ExemplarSeries:
    return ExemplarSeries(
        labels=JSON(found.labels),
        exemplars=[
            Exemplar(
                time=DateTime(row.time),
                value=SampleValue(row.value),
                trace_id=None if row.trace_id is None else strawberry.ID(row.trace_id),
                span_id=None if row.span_id is None else strawberry.ID(row.span_id),
                attributes=JSON(row.attributes),
                trace_status=row.state,
            )
            for row in found.rows
        ],
    )
