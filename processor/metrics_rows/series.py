"""Finds the series ids of a batch's data points; describes series that this process has not handed out yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import place, rows_of
from processor.metrics_rows.identity import point_identities, target_identities
from processor.metrics_rows.known import KnownSeries
from processor.metrics_rows.shape import Shape
from processor.metrics_rows.translate import Series, Translator
from processor.resources import Resources
from schema.arrays import I64, U64
from schema.arrow import SERIES


@dataclass(frozen=True, slots=True)
class Resolved:
    """Series ids of the parts of a batch's points, in the order of their shape, and rows of new series.

    `targets` are the resource rows that have a `target_info` series (one row a resource), `target_ids` its ids.
    """

    ids: U64
    targets: I64
    target_ids: U64
    new: pa.RecordBatch


class SeriesResolver:
    """Maps identities to series ids; works out labels once for each identity and day. Bounded."""

    def __init__(self) -> None:
        self._points = KnownSeries()
        self._targets = KnownSeries()

    def resolve(self, batch: Batch, resources: Resources, shape: Shape) -> Resolved:
        """Ids for every part of every point."""
        translator = Translator(batch, shape)
        identities = point_identities(batch, resources, shape)
        new_points = self._learn_points(batch, identities, shape, translator)
        with_points = np.unique(batch.scan.scopes.parent[batch.scan.items.parent[batch.scan.points.parent]])
        targets = target_identities(batch, resources)[with_points]
        distinct, first = np.unique(targets, return_index=True)
        rows = with_points[first].astype(np.int64)
        new_targets = self._learn_targets(batch, distinct, rows, translator)
        ones = np.ones(len(distinct), np.int64)
        target_ids = self._targets.ids(distinct, ones)
        named = target_ids != 0
        return Resolved(
            ids=self._points.ids(identities, shape.parts),
            targets=rows[named],
            target_ids=target_ids[named],
            new=_series_rows(batch, new_points + new_targets),
        )

    def _learn_points(
        self, batch: Batch, identities: U64, shape: Shape, translator: Translator
    ) -> list[tuple[int, Series]]:
        distinct, first = np.unique(identities, return_index=True)
        self._points.make_room(int(shape.parts[first].sum()))
        unknown = self._points.unknown(distinct)
        points = first[unknown]
        described = list(translator.series_of(points))
        ids = [[each.id for each in parts] for parts in described]
        self._points.add(distinct[unknown], ids)
        calls = batch.scan.points.call[points].tolist()
        return [(call, each) for call, parts in zip(calls, described, strict=True) for each in parts]

    def _learn_targets(
        self, batch: Batch, distinct: U64, rows: I64, translator: Translator
    ) -> list[tuple[int, Series]]:
        self._targets.make_room(len(distinct))
        unknown = self._targets.unknown(distinct)
        described = [translator.target_info(row) for row in rows[unknown].tolist()]
        # 0 stands for "has none".
        self._targets.add(distinct[unknown], [[series.id if series else 0] for series in described])
        calls = batch.scan.resources.call[rows[unknown]].tolist()
        return [(call, series) for call, series in zip(calls, described, strict=True) if series]


def _series_rows(batch: Batch, new: list[tuple[int, Series]]) -> pa.RecordBatch:
    """Rows of `series`; several identities may stand for one series, which then has several equal rows."""
    series = [each for _, each in new]
    columns = place(batch, np.array([call for call, _ in new], np.int32)) | {
        "metric": pa.array([each.metric for each in series], pa.string()),
        "series": pa.array([each.id for each in series], pa.uint64()),
        "labels": pa.array([list(each.labels.items()) for each in series], SERIES.field("labels").type),
        "type": pa.array([each.type for each in series], pa.string()),
        "unit": pa.array([each.unit for each in series], pa.string()),
        "help": pa.array([each.help for each in series], pa.string()),
        "temporality": pa.array([each.temporality for each in series], pa.string()),
    }
    return rows_of(SERIES, columns)
