"""Step 3: items that OTLP calls invalid are rejected one by one; the rest of their call goes on.

What the .proto files call invalid and nothing else: a field that is merely odd is stored as it was sent. The list of
both is in docs/otlp.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, Reason
from ingest.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, is_id
from schema.prometheus_name import EXACT_SCOPE
from schema.signal import Signal
from schema.wire import MetricData, Scan, ValueKind

_NO_RECORDED_VALUE = 1
"""DataPointFlags of metrics.proto."""
_TEMPORALITIES = (1, 2)
"""AggregationTemporality: delta, cumulative."""
_TEMPORAL = (MetricData.SUM, MetricData.HISTOGRAM, MetricData.EXPONENTIAL_HISTOGRAM)

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def validate(batch: Batch) -> None:
    """Reject what OTLP calls invalid."""
    if batch.signal is Signal.TRACES:
        _spans(batch)
    elif batch.signal is Signal.METRICS:
        _metrics(batch)
        _points(batch)


def _spans(batch: Batch) -> None:
    """trace.proto: ids of a length other than 16 and 8 bytes, or all zeroes, are invalid; both are required."""
    items = batch.scan.items
    valid = is_id(items["trace_id"], TRACE_ID_BYTES) & is_id(items["span_id"], SPAN_ID_BYTES)
    batch.reject(np.flatnonzero(~valid), Reason.INVALID_ID)


def _metrics(batch: Batch) -> None:
    """A series needs a name; metrics.proto: temporality UNSPECIFIED must not be used."""
    items = batch.scan.items
    nameless = items.slices("name").len == 0
    batch.reject(np.flatnonzero(nameless), Reason.NO_NAME)
    known = np.isin(items.numbers("aggregation_temporality"), _TEMPORALITIES)
    timeless = np.isin(items.numbers("data"), _TEMPORAL) & ~known & ~nameless
    if timeless.any():
        batch.reject(np.flatnonzero(timeless & ~_exact(batch.scan)), Reason.NO_TEMPORALITY)


def _points(batch: Batch) -> None:
    for find, reason in ((_without_value, Reason.NO_VALUE), (_misfits, Reason.BUCKETS)):
        if (bad := find(batch.scan)).any():
            batch.reject_points(np.flatnonzero(bad), reason)


def _without_value(scan: Scan) -> Mask:
    """bool[points]: metrics.proto: a number point is invalid without a value, unless it says that there is none."""
    points = scan.points
    kind = points.numbers("data")
    number = (kind == MetricData.GAUGE) | (kind == MetricData.SUM)
    missing = number & (points.numbers("value.kind") == ValueKind.NONE)
    if not missing.any():
        return np.asarray(missing)
    said = points.numbers("flags") & _NO_RECORDED_VALUE != 0
    return np.asarray(missing & ~said & ~_exact(scan)[points.parent])


def _misfits(scan: Scan) -> Mask:
    """bool[points]: metrics.proto: one bucket more than bounds, or neither; bounds strictly increase."""
    points = scan.points
    counts, _ = scan.buckets("bucket_counts")
    offsets, bounds = scan.buckets("explicit_bounds")
    buckets, limits = np.diff(counts), np.diff(offsets)
    misfit = (buckets != limits + 1) & ((buckets != 0) | (limits != 0))
    misfit &= points.numbers("data") == MetricData.HISTOGRAM
    if len(bounds) > 1:
        falls = ~(bounds[1:] > bounds[:-1])  # a NaN is neither above nor below
        owner = np.repeat(np.arange(len(limits)), limits)
        misfit[owner[1:][falls & (owner[1:] == owner[:-1])]] = True
    return np.asarray(misfit)


def _exact(scan: Scan) -> Mask:
    """bool[items]: what came by Prometheus remote write, which knows points without a value or temporality."""
    ours = scan.scopes.slices("scope.name").equals(EXACT_SCOPE.encode())
    return np.asarray(ours[scan.items.parent])
