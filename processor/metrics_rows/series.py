"""Finds the series ids of a batch's data points; describes series that this process has not handed out yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import place, rows_of
from processor.metrics_rows.identity import point_identities, target_identities
from processor.metrics_rows.known import KnownSeries
from processor.metrics_rows.naming import Naming
from processor.metrics_rows.shape import Shape
from processor.metrics_rows.translate import Series, Translator
from processor.resources import Resources
from schema.arrays import I64, U32, U64, Mask
from schema.arrow import SERIES


@dataclass(frozen=True, slots=True)
class Resolved:
    """Series ids of the parts of a batch's points, in the order of their shape, and the hashes of their metrics' names.

    `targets` are the resource rows that have a `target_info` series (one row a resource), `target_ids` its ids.
    """

    ids: U64
    metrics: U32
    targets: I64
    target_ids: U64
    translator: Translator


class SeriesResolver:
    """Maps identities to series ids; works out labels once for each identity. Bounded."""

    def __init__(self) -> None:
        self._points = KnownSeries()
        self._targets = KnownSeries()

    def resolve(self, batch: Batch, resources: Resources, shape: Shape, naming: Naming) -> Resolved:
        """Ids for every part of every point."""
        translator = Translator(batch, shape, naming)
        identities = point_identities(batch, resources, shape, naming)
        self._learn_points(identities, shape, translator)
        with_points = np.unique(batch.scan.scopes.parent[batch.scan.items.parent[batch.scan.points.parent]])
        targets = target_identities(batch, resources, naming)[with_points]
        distinct, first = np.unique(targets, return_index=True)
        rows = with_points[first].astype(np.int64)
        self._learn_targets(distinct, rows, translator)
        target_ids, _ = self._targets.find(distinct, np.ones(len(distinct), np.int64))
        named = target_ids != 0
        ids, metrics = self._points.find(identities, shape.parts)
        return Resolved(ids, metrics, rows[named], target_ids[named], translator)

    def _learn_points(self, identities: U64, shape: Shape, translator: Translator) -> None:
        distinct, first = np.unique(identities, return_index=True)
        self._points.make_room(int(shape.parts[first].sum()))
        unknown = self._points.unknown(distinct)
        described = translator.series_of(first[unknown])
        self._points.add(distinct[unknown], [[(each.id, each.metric_hash) for each in parts] for parts in described])

    def _learn_targets(self, distinct: U64, rows: I64, translator: Translator) -> None:
        self._targets.make_room(len(distinct))
        unknown = self._targets.unknown(distinct)
        described = [translator.target_info(row) for row in rows[unknown].tolist()]
        # 0 stands for "has none".
        self._targets.add(distinct[unknown], [[(series.id if series else 0, 0)] for series in described])


def series_at(batch: Batch, shape: Shape, resolved: Resolved, rows: I64) -> list[tuple[int, Series]]:
    """(call, series) of these of the batch's samples: parts of points, then targets."""
    targets = int(shape.starts[-1])
    parts = rows[rows < targets]
    of_part = np.searchsorted(shape.starts, parts, side="right") - 1
    points = np.unique(of_part)
    of_point = dict(zip(points.tolist(), resolved.translator.series_of(points), strict=True))
    calls, starts = batch.scan.points.call, shape.starts
    described = {
        part: (int(calls[point]), of_point[point][part - int(starts[point])])
        for part, point in zip(parts.tolist(), of_part.tolist(), strict=True)
    }
    for row in rows[rows >= targets].tolist():
        resource = int(resolved.targets[row - targets])
        target = resolved.translator.target_info(resource)
        if target is not None:
            described[row] = int(batch.scan.resources.call[resource]), target
    return [described[row] for row in rows.tolist()]


def series_rows(batch: Batch, shape: Shape, resolved: Resolved, described: Mask) -> pa.RecordBatch:
    """Rows of `series` for those of the batch's samples (parts of points, then targets) that are to be described."""
    found = series_at(batch, shape, resolved, np.flatnonzero(described))
    series = [each for _, each in found]
    columns = place(batch, np.array([call for call, _ in found], np.int32)) | {
        "metric": pa.array([each.metric for each in series], pa.string()),
        "series": pa.array([each.id for each in series], pa.uint64()),
        "labels": pa.array([list(each.labels.items()) for each in series], SERIES.field("labels").type),
        "type": pa.array([each.type for each in series], pa.string()),
        "unit": pa.array([each.unit for each in series], pa.string()),
        "help": pa.array([each.help for each in series], pa.string()),
        "temporality": pa.array([each.temporality for each in series], pa.string()),
    }
    return rows_of(SERIES, columns)
