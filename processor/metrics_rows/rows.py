"""Rows of `samples` and `exemplars` from a batch's data points."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, fixed, milliseconds, place, rows_of
from processor.metrics_rows.exact import only_exemplars
from processor.metrics_rows.labels import metric_hash
from processor.metrics_rows.samples import part_values
from processor.metrics_rows.series import Resolved
from processor.metrics_rows.shape import Shape
from processor.metrics_rows.translate import TARGET_INFO
from schema.arrays import F64, I32, I64, Mask
from schema.arrow import EXEMPLARS, SAMPLES
from schema.prometheus_name import MetricKind
from schema.wire import Owner
from schema.wire.maps import to_map


def sample_rows(batch: Batch, shape: Shape, resolved: Resolved, stored: Mask) -> pa.RecordBatch:
    """One row a part of a point, in the log's order; then `target_info` of each resource, at its latest point.

    Of those `stored`; none for a point that has no value, only exemplars, and none for a native histogram.
    """
    points = batch.scan.points
    resource = batch.scan.scopes.parent[batch.scan.items.parent[points.parent]]
    latest = np.zeros(len(batch.scan.resources), np.uint64)
    np.maximum.at(latest, resource, points["time_unix_nano"])
    targets = resolved.targets
    times = np.concatenate((np.repeat(points["time_unix_nano"], shape.parts), latest[targets]))
    calls = np.concatenate((np.repeat(points.call, shape.parts), batch.scan.resources.call[targets]))
    values = np.concatenate((part_values(batch.scan, shape), np.ones(len(targets))))
    series = np.concatenate((resolved.ids, resolved.target_ids))
    metrics = np.concatenate((resolved.metrics, np.full(len(targets), metric_hash(TARGET_INFO), np.uint32)))
    empty = only_exemplars(batch.scan) | shape.of(MetricKind.EXPONENTIAL_HISTOGRAM)
    kept = stored & np.concatenate((~np.repeat(empty, shape.parts), np.ones(len(targets), np.bool_)))
    if not kept.all():
        times, calls, values, series, metrics = (each[kept] for each in (times, calls, values, series, metrics))
    columns = place(batch, calls) | {
        "metric_hash": pa.array(metrics),
        "series": pa.array(series),
        "time": milliseconds(times),
        "bits": pa.array(values.view(np.uint64)),
    }
    return rows_of(SAMPLES, columns)


def exemplar_rows(batch: Batch, shape: Shape, resolved: Resolved, stored: Mask) -> pa.RecordBatch:
    """One row an exemplar of a series that is `stored`. One of a histogram belongs to the series of the bucket that its
    value falls in."""
    exemplars = batch.scan.exemplars
    values = batch.scan.point_values(exemplars)
    part = shape.starts[exemplars.parent] + _part(shape, exemplars.parent, values)
    attributes, keys = to_map(batch.scan, Owner.EXEMPLAR)
    columns = place(batch, exemplars.call) | {
        "series": pa.array(resolved.ids[part]),
        "time": milliseconds(exemplars["time_unix_nano"]),
        "value": pa.array(values),
        "trace_id": fixed(exemplars["trace_id"].fixed(16)),
        "span_id": fixed(exemplars["span_id"].fixed(8)),
        "attributes": attributes,
        "attributes_json": keys,
    }
    rows = rows_of(EXEMPLARS, columns | block(batch, len(exemplars)))
    return rows if stored[part].all() else rows.filter(pa.array(stored[part]))


def _part(shape: Shape, point: I32, values: F64) -> I64:
    """Which part of its point each exemplar belongs to: a histogram's first bucket is part 1."""
    at, used = shape.bounds_at[point], np.diff(shape.bounds_at)[point]
    inside = np.arange(int(used.sum())) - np.repeat(np.cumsum(used) - used, used)
    # Upper bounds are inclusive (OTLP, "Histogram"): the bucket is the number of bounds below the value.
    below = shape.bounds[np.repeat(at, used) + inside] < np.repeat(values, used)
    running = np.concatenate(([0], np.cumsum(below)))
    ends = np.cumsum(used)
    bucket = running[ends] - running[ends - used]
    part: I64 = np.where(shape.of(MetricKind.HISTOGRAM)[point], 1 + bucket, 0)
    return part
