"""Samples and exemplars of a batch's data points, and their rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, fixed, milliseconds, place, rows_of
from processor.metrics_rows.exact import only_exemplars
from processor.metrics_rows.labels import metric_hash
from processor.metrics_rows.samples import counters, part_values
from processor.metrics_rows.series import Resolved
from processor.metrics_rows.shape import Shape
from processor.metrics_rows.translate import TARGET_INFO
from schema.arrays import F64, I32, I64, U32, U64, Mask
from schema.arrow import EXEMPLARS, SAMPLES
from schema.prometheus_name import MetricKind
from schema.wire import Owner
from schema.wire.maps import to_map


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a part of a point, in the log's order; then `target_info` of each resource, at its latest point.

    `times` in nanoseconds; `calls` brought them; `counter`: it only falls if what it counts began anew; `numbers`: it
    is a number, neither a native histogram nor a point that has only exemplars.
    """

    series: U64
    metrics: U32
    times: U64
    values: F64
    calls: I32
    counter: Mask
    numbers: Mask


def samples_of(batch: Batch, shape: Shape, resolved: Resolved) -> Samples:
    """All samples that a batch brings."""
    points, targets = batch.scan.points, resolved.targets
    resource = batch.scan.scopes.parent[batch.scan.items.parent[points.parent]]
    latest = np.zeros(len(batch.scan.resources), np.uint64)
    np.maximum.at(latest, resource, points["time_unix_nano"])
    empty = only_exemplars(batch.scan) | shape.of(MetricKind.EXPONENTIAL_HISTOGRAM)
    yes = np.ones(len(targets), np.bool_)
    return Samples(
        np.concatenate((resolved.ids, resolved.target_ids)),
        np.concatenate((resolved.metrics, np.full(len(targets), metric_hash(TARGET_INFO), np.uint32))),
        np.concatenate((np.repeat(points["time_unix_nano"], shape.parts), latest[targets])),
        np.concatenate((part_values(batch.scan, shape), np.ones(len(targets)))),
        np.concatenate((np.repeat(points.call, shape.parts), batch.scan.resources.call[targets])),
        np.concatenate((counters(batch.scan, shape), ~yes)),
        np.concatenate((~np.repeat(empty, shape.parts), yes)),
    )


def sample_rows(batch: Batch, samples: Samples, stored: Mask) -> pa.RecordBatch:
    """Rows of those numbers that are `stored`."""
    kept = stored & samples.numbers
    chosen = slice(None) if kept.all() else kept
    columns = place(batch, samples.calls[chosen]) | {
        "metric_hash": pa.array(samples.metrics[chosen]),
        "series": pa.array(samples.series[chosen]),
        "time": milliseconds(samples.times[chosen]),
        "bits": pa.array(samples.values[chosen].view(np.uint64)),
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
