"""Rows of `histograms`: exponential histograms as they came."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, milliseconds, place, rows_of
from processor.metrics_rows.samples import STALE, recorded_nothing
from processor.metrics_rows.series import Resolved
from processor.metrics_rows.shape import Shape
from schema.arrays import I64, Mask
from schema.arrow import HISTOGRAMS
from schema.prometheus_name import MetricKind
from schema.wire import Scan


def histogram_rows(batch: Batch, shape: Shape, resolved: Resolved, stored: Mask) -> pa.RecordBatch:
    """One row an exponential histogram of those `stored`, in the log's order."""
    scan, points = batch.scan, batch.scan.points
    rows = np.flatnonzero(shape.of(MetricKind.EXPONENTIAL_HISTOGRAM))
    calls = points.call[rows]
    stale = recorded_nothing(scan)[rows]
    columns = place(batch, calls) | {
        "series": pa.array(resolved.ids[shape.starts[rows]]),
        "time": milliseconds(points["time_unix_nano"][rows]),
        "count": pa.array(points["count"][rows]),
        "sum": pa.array(np.where(stale, STALE, np.where(points["has_sum"][rows], points["sum"][rows], 0.0))),
        # No client can mean a finer or coarser one: base 2^(2^-127) is 1, 2^(2^127) infinite.
        "scale": pa.array(np.clip(points["scale"][rows], -128, 127).astype(np.int8)),
        "zero_threshold": pa.array(points["zero_threshold"][rows]),
        "zero_count": pa.array(points["zero_count"][rows]),
        "positive_offset": pa.array(points["positive.offset"][rows]),
        "positive_counts": _counts(scan, "positive.bucket_counts", rows),
        "negative_offset": pa.array(points["negative.offset"][rows]),
        "negative_counts": _counts(scan, "negative.bucket_counts", rows),
    }
    made = rows_of(HISTOGRAMS, columns | block(batch, len(rows)))
    kept = stored[shape.starts[rows]]
    return made if kept.all() else made.filter(pa.array(kept))


def _counts(scan: Scan, name: str, rows: I64) -> pa.Array:
    """A list of counts for each of these points, ascending, which alone have any."""
    offsets, counts = scan.buckets(name)
    return pa.ListArray.from_arrays(
        pa.array(np.append(offsets[rows], len(counts)).astype(np.int32)), pa.array(counts.view(np.uint64))
    )
