"""Which series a data point feeds: its parts, in a fixed order, as columns.

=====================  ==========================================================
gauge, sum             value
histogram              count, each explicit bound's bucket, the +Inf bucket, [sum]
exponential histogram  the histogram itself
summary                count, sum, each quantile
=====================  ==========================================================

All but the exponential histogram are samples, numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import F64, I64, U8, U64, Mask
from schema.prometheus_name import MetricKind
from schema.wire import Scan


@dataclass(frozen=True, slots=True)
class Shape:
    """By point: its kind, how many parts it has, whether a sum is among them.

    Explicit bounds and quantiles lie one after another, those of point i at [at[i], at[i + 1]). `counts`
    are the bucket counts that belong to `bounds`, one each.
    """

    kind: U8
    parts: I64
    has_sum: Mask
    bounds_at: I64
    bounds: F64
    counts: U64
    quantiles_at: I64
    quantiles: F64

    def of(self, *kinds: MetricKind) -> Mask:
        """Points of these kinds."""
        return np.isin(self.kind, np.array(kinds, np.uint8))

    @property
    def starts(self) -> I64:
        """Where each point's parts start when the parts of all points are laid one after another."""
        return np.concatenate(([0], np.cumsum(self.parts)))


def shape_of(scan: Scan) -> Shape:
    """The shape of a scan's data points."""
    points, kind = scan.points, scan.points["data"]
    bounds_at, bounds, counts = _buckets(scan)
    quantiles_at = np.searchsorted(scan.quantiles.parent, np.arange(len(points) + 1)).astype(np.int64)
    histogram = kind == MetricKind.HISTOGRAM
    has_sum = histogram & points["has_sum"]
    parts = np.ones(len(points), np.int64) + has_sum
    parts += np.where(histogram, np.diff(bounds_at) + 1, 0)
    parts += np.where(kind == MetricKind.SUMMARY, np.diff(quantiles_at) + 1, 0)
    return Shape(kind, parts, has_sum, bounds_at, bounds, counts, quantiles_at, scan.quantiles["quantile"])


def _buckets(scan: Scan) -> tuple[I64, F64, U64]:
    """Bounds that have a count, and that count. A well-formed point has one count more, for what is over all bounds."""
    bounds_at, bounds = scan.buckets("explicit_bounds")
    counts_at, counts = scan.buckets("bucket_counts")
    used = np.minimum(np.diff(bounds_at), np.diff(counts_at))
    at = np.concatenate(([0], np.cumsum(used)))
    inside = np.arange(at[-1]) - np.repeat(at[:-1], used)
    return at, bounds[np.repeat(bounds_at[:-1], used) + inside], counts[np.repeat(counts_at[:-1], used) + inside]
