"""Values of the parts of data points: the samples, as columns."""

from __future__ import annotations

import numpy as np

from processor.metrics_rows.shape import Shape
from schema.arrays import F64, Mask
from schema.prometheus_name import MetricKind
from schema.wire import Scan

STALE = np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0]
"""Prometheus' stale marker: the NaN of just these bits."""

_NO_RECORDED_VALUE = 1
_CUMULATIVE = 2


def part_values(scan: Scan, shape: Shape) -> F64:
    """One value a part, in the order of `shape`; stale markers where a point says that it recorded no value."""
    points, starts = scan.points, shape.starts
    values = np.empty(starts[-1])
    base = starts[:-1]
    numbers = shape.of(MetricKind.GAUGE, MetricKind.SUM)
    values[base[numbers]] = scan.point_values()[numbers]
    values[base[~numbers]] = points["count"][~numbers].astype(np.float64)
    _put_buckets(values, scan, shape)
    _put_sums(values, scan, shape)
    _put_quantiles(values, scan, shape)
    values[np.repeat(recorded_nothing(scan), shape.parts)] = STALE
    return values


def recorded_nothing(scan: Scan) -> Mask:
    """bool[points]: those that say that they have no value."""
    found: Mask = scan.points["flags"] & _NO_RECORDED_VALUE != 0
    return found


def counters(scan: Scan, shape: Shape) -> Mask:
    """bool[parts]: those of cumulative counts that only fall if what they count began anew.

    Those of monotonic sums, counts and buckets; not the sums of histograms, which negative values lower.
    """
    metrics, points, starts = scan.items, scan.points, shape.starts
    cumulative = (metrics["aggregation_temporality"] == _CUMULATIVE)[points.parent]
    monotonic = shape.of(MetricKind.SUM) & metrics["is_monotonic"][points.parent]
    histogram = shape.of(MetricKind.HISTOGRAM, MetricKind.EXPONENTIAL_HISTOGRAM)
    found: Mask = np.repeat(cumulative & (monotonic | histogram), shape.parts)
    found[starts[1:][shape.has_sum] - 1] = False
    found[starts[:-1][shape.of(MetricKind.SUMMARY)]] = True
    return found


def _put_buckets(values: F64, scan: Scan, shape: Shape) -> None:
    used, base = np.diff(shape.bounds_at), shape.starts[:-1]
    running = np.concatenate((np.zeros(1, np.uint64), np.cumsum(shape.counts)))
    cumulative = running[1:] - np.repeat(running[shape.bounds_at[:-1]], used)
    inside = np.arange(len(shape.bounds)) - np.repeat(shape.bounds_at[:-1], used)
    values[np.repeat(base, used) + 1 + inside] = cumulative.astype(np.float64)
    histogram = shape.of(MetricKind.HISTOGRAM)
    # What is over the last bound is counted in the total, whether or not its bucket was sent.
    values[(base + 1 + used)[histogram]] = scan.points["count"][histogram].astype(np.float64)


def _put_sums(values: F64, scan: Scan, shape: Shape) -> None:
    sums, summary, starts = scan.points["sum"], shape.of(MetricKind.SUMMARY), shape.starts
    values[starts[1:][shape.has_sum] - 1] = sums[shape.has_sum]
    values[starts[:-1][summary] + 1] = sums[summary]


def _put_quantiles(values: F64, scan: Scan, shape: Shape) -> None:
    count = np.diff(shape.quantiles_at)
    inside = np.arange(len(shape.quantiles)) - np.repeat(shape.quantiles_at[:-1], count)
    values[np.repeat(shape.starts[:-1], count) + 2 + inside] = scan.quantiles["value"]
