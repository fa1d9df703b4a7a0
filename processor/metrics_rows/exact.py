"""Metrics that came by Prometheus remote write: names, labels and types in their scope are Prometheus' own."""

from __future__ import annotations

import numpy as np

from schema.arrays import U64, Mask
from schema.prometheus_name import EXACT_SCOPE, MetricKind
from schema.wire import Owner, Scan, ValueKind

TYPE_KEY = b"prometheus.type"
"""Key of a metric's metadata that says its type (OpenTelemetry specification, "Prometheus Compatibility")."""
_NO_RECORDED_VALUE = 1


def exact_metrics(scan: Scan) -> Mask:
    """Which metrics are not to be translated."""
    exact: Mask = scan.scopes.slices("scope.name").equals(EXACT_SCOPE.encode())[scan.items.parent]
    return exact


def type_hashes(scan: Scan) -> U64:
    """A hash of the type of each metric that is not to be translated; 0 for the others."""
    exact = exact_metrics(scan)
    if not exact.any():
        return np.zeros(len(exact), np.uint64)
    found = scan.find(Owner.ITEM, TYPE_KEY)
    return np.where(exact, scan.attributes.slices("value").take(found).hash(), np.uint64(0))


def only_exemplars(scan: Scan) -> Mask:
    """Which data points have no value, because they carry exemplars that were sent without a sample."""
    points, exact = scan.points, exact_metrics(scan)
    numbers = np.isin(points["data"], np.array((MetricKind.GAUGE, MetricKind.SUM), np.uint8))
    valueless = (points["value.kind"] == ValueKind.NONE) & (points["flags"] & _NO_RECORDED_VALUE == 0)
    empty: Mask = exact[points.parent] & numbers & valueless
    return empty
