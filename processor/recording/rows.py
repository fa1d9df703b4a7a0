"""Rows of what recording rules come to in a partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from otelhouse.recording.rule import FOREVER_MS, StreamRule
from processor.batch import Batch
from processor.columns import block, rows_of
from processor.metrics_rows.labels import metric_hash
from processor.metrics_rows.translate import Series
from processor.recording.recorded import Points
from schema.arrow import RECORDED, RECORDED_UNTIL, SERIES

if TYPE_CHECKING:
    from processor.recording.tenant import TenantRules

_MS = pa.timestamp("ms", "UTC")


@dataclass(frozen=True, slots=True)
class Finals:
    """How far a rule has come. `active`: it has samples, and so more points will come."""

    rule: StreamRule
    since_ms: int
    last_ms: int
    active: bool


def point_rows(batch: Batch, found: Sequence[tuple[TenantRules, Points]]) -> pa.RecordBatch:
    """Rows of `recorded`, in an order that does not depend on who came first."""
    ordered = sorted(found, key=lambda each: (each[0].tenant, each[1].rule.id, each[1].time_ms))
    owners, sizes = [owner for owner, _ in ordered], [len(points.series) for _, points in ordered]
    rules = [points.rule for _, points in ordered]

    def repeated(values: list[int] | list[float], kind: type) -> pa.Array:
        return pa.array(np.repeat(np.array(values, kind), sizes))

    columns = _place(batch, [owner for owner, size in zip(owners, sizes, strict=True) for _ in range(size)]) | {
        "metric_hash": repeated([metric_hash(rule.record) for rule in rules], np.uint32),
        "series": pa.array([each.id for _, points in ordered for each in points.series], pa.uint64()),
        "time": repeated([points.time_ms for _, points in ordered], np.int64).cast(_MS),
        "rule": repeated([rule.id for rule in rules], np.uint64),
        "interval_ms": repeated([rule.interval_ms for rule in rules], np.uint32),
        "merge": repeated([int(rule.merge) for rule in rules], np.uint8),
        "scale": repeated([rule.scale for rule in rules], np.float64),
        "shift": repeated([rule.shift for rule in rules], np.float64),
        "value": pa.array(_joined([points.values for _, points in ordered], np.float64)),
        "count": pa.array(_joined([points.counts for _, points in ordered], np.int64).astype(np.uint32)),
    }
    rows = rows_of(RECORDED, columns | block(batch, sum(sizes)))
    order = np.lexsort((rows.column("series").to_numpy(), np.repeat(np.arange(len(sizes)), sizes)))
    return rows.take(pa.array(order))


def until_rows(batch: Batch, found: Iterable[tuple[TenantRules, Finals]]) -> pa.RecordBatch:
    """Rows of `recorded_until`."""
    held = sorted(found, key=lambda each: (each[0].tenant, each[1].rule.id))
    columns = _place(batch, [owner for owner, _ in held]) | {
        "metric_hash": pa.array([metric_hash(each.rule.record) for _, each in held], pa.uint32()),
        "rule": pa.array([each.rule.id for _, each in held], pa.uint64()),
        "since": pa.array([each.since_ms for _, each in held], pa.int64()).cast(_MS),
        "until": pa.array([each.last_ms if each.active else FOREVER_MS for _, each in held], pa.int64()).cast(_MS),
    }
    return rows_of(RECORDED_UNTIL, columns | block(batch, len(held)))


def series_rows(batch: Batch, found: Sequence[tuple[TenantRules, Points]], wanted: set[int]) -> pa.RecordBatch:
    """Rows of `series` for the wanted ids among what was recorded."""
    chosen: dict[int, tuple[TenantRules, Series]] = {}
    for owner, points in found:
        chosen |= {id: (owner, each) for each in points.series if (id := each.id) in wanted}
    rows = list(chosen.items())
    columns = _place(batch, [owner for _, (owner, _) in rows]) | {
        "metric": pa.array([each.metric for _, (_, each) in rows], pa.string()),
        "series": pa.array([id for id, _ in rows], pa.uint64()),
        "labels": pa.array([list(each.labels.items()) for _, (_, each) in rows], SERIES.field("labels").type),
        "type": pa.array([each.type for _, (_, each) in rows], pa.string()),
    }
    columns |= {name: pa.array([""] * len(rows), pa.string()) for name in ("unit", "help", "temporality")}
    return rows_of(SERIES, columns)


def _place(batch: Batch, owners: Sequence[TenantRules]) -> dict[str, pa.Array]:
    names = [owner.tenant for owner in owners]
    return {
        "tenant": pa.array(names, pa.string()).dictionary_encode(),
        "class": pa.array([owner.retention_class for owner in owners], pa.uint8()),
        "day": pa.array([batch.window.day] * len(owners), pa.int32()).cast(pa.date32()),
    }


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
