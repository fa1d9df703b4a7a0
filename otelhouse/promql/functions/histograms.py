"""histogram_quantile, histogram_fraction, of classic histograms: series with cumulative counts, one a bucket `le`."""

from __future__ import annotations

import numpy as np

from otelhouse.promql.kernels.buckets import histograms
from otelhouse.promql.notes import Notes
from otelhouse.promql.numbers import general, read
from otelhouse.promql.values import NAME, Vector, joined, without_name
from schema.arrays import F64

_LIMIT = "le"


def quantile(wanted: F64, vector: Vector, notes: Notes) -> Vector:
    """The quantile wanted[k] at step k, of each histogram. Raises ExecutionError."""
    for each in np.unique(wanted[~((wanted >= 0) & (wanted <= 1))]).tolist():
        notes.warn(f"quantile value should be between 0 and 1, got {general(each)}")
    return _each(vector, False, wanted, wanted, notes)


def fraction(lower: F64, upper: F64, vector: Vector, notes: Notes) -> Vector:
    """The part of what was observed from lower[k] to upper[k] at step k. Raises ExecutionError."""
    return _each(vector, True, lower, upper, notes)


def _each(vector: Vector, is_fraction: bool, first: F64, second: F64, notes: Notes) -> Vector:
    limits = [read(each.get(_LIMIT, "")) for each in vector.labels]
    rows = np.array([i for i, limit in enumerate(limits) if limit is not None], np.int64)
    if len(rows) < len(limits):
        wrong = vector.labels[limits.index(None)]
        notes.warn(
            f'bucket label "{_LIMIT}" is missing or has a malformed value of "{wrong.get(_LIMIT, "")}" '
            f'for metric name "{wrong.get(NAME, "")}"'
        )
    vector = vector.rows(rows)
    bounds_of = np.array([limit for limit in limits if limit is not None], np.float64)
    found: dict[frozenset[tuple[str, str]], int] = {}
    bare = [{name: value for name, value in each.items() if name != _LIMIT} for each in vector.labels]
    group = np.array([found.setdefault(frozenset(each.items()), len(found)) for each in bare], np.int64)
    order = np.lexsort((bounds_of, group))
    bounds = np.searchsorted(group[order], np.arange(len(found) + 1))
    out, there = np.empty((len(found), len(first))), np.empty((len(found), len(first)), np.bool_)
    forced = histograms(
        vector.values, vector.present, order, bounds, bounds_of, is_fraction, first, second, out, there
    )  # fmt: skip
    labels = [bare[i] for i in order[bounds[:-1]].tolist()]
    if forced:
        notes.inform(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/"
            'prometheus/latest/querying/functions/#histogram_quantile) for metric name ""'
        )
    return joined(Vector(without_name(labels), out, there).thinned())
