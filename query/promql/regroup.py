"""Points of a recording rule as the value of an expression that the rule covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelhouse.promql.aggregation import grouped
from otelhouse.promql.selectors import NAME_LABEL, holds
from otelhouse.promql.settings import Steps
from otelhouse.promql.storage import RecordedSteps
from otelhouse.recording.cover import Covered
from otelhouse.recording.rule import Merge
from query.promql.known import Described
from query.promql.recorded import Points


def aggregated(
    source: Covered, first: int, steps: Steps, points: Points, found: Sequence[Described | None]
) -> RecordedSteps:
    """`found`: labels of the points' series, ascending by id; points of a series without them, or that is not
    selected, are left out."""
    added = {NAME_LABEL, *(name for name, _ in source.rule.labels)}
    labels = [
        {name: value for name, value in each.labels.items() if name not in added} if each is not None else {}
        for each in found
    ]
    chosen = [
        described is not None and all(holds(each, found_labels.get(each.name, "")) for each in source.matchers)
        for described, found_labels in zip(found, labels, strict=True)
    ]
    aggregate = source.aggregate
    named, group = grouped(labels, aggregate.by, aggregate.labels) if aggregate else (labels, np.arange(len(labels)))
    row_of_series = np.where(chosen, group, -1)
    row = row_of_series[np.searchsorted(np.unique(points.series), points.series)]
    step = (points.times - steps.start_ms) // steps.step_ms
    at = row * steps.count + step
    kept = row >= 0
    at, given, weights = at[kept], points.values[kept], points.counts[kept]
    size = len(named) * steps.count
    counts = np.bincount(at, weights, size)
    with np.errstate(all="ignore"):
        match source.rule.merge:
            case Merge.MIN:
                values = np.full(size, np.nan)
                np.fmin.at(values, at, given)
            case Merge.MAX:
                values = np.full(size, np.nan)
                np.fmax.at(values, at, given)
            case Merge.GROUP:
                values = np.ones(size)
            case Merge.SUM:
                values = np.bincount(at, given, size)
            case Merge.MEAN:
                values = np.bincount(at, given, size) / counts
    shape = (len(named), steps.count)
    present = (counts > 0).reshape(shape)
    return RecordedSteps(first, steps, named, np.where(present, values.reshape(shape), 0.0), present)
