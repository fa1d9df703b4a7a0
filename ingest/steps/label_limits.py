"""Step: data points with more attributes, or longer ones, than their tenant's `limits` allow are rejected by name.

Each would be a label of a series. After the control rules, by which a tenant can drop what it knows to be long.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ingest.answer import Refused
from ingest.batch import Batch, Reason
from otelhouse.rules.documents import limits
from otelhouse.rules.documents.limits import MetricsDocument
from otelhouse.rules.rule import Rule
from schema.signal import Signal
from schema.wire import Owner, Scan

Limits = npt.NDArray[np.int64]
"""By call."""
Mask = npt.NDArray[np.bool_]


def compile_label_limits(rule: Rule | None, _: str) -> MetricsDocument:
    """For `Policies`. Raises InvalidRule."""
    return limits.parse(rule.document if rule else {}).metrics


class LabelLimits:
    """Costs a batch within all limits a comparison of each attribute's length."""

    def __init__(self, limits_of: Callable[[str], MetricsDocument]) -> None:
        self._limits_of = limits_of

    def __call__(self, batch: Batch) -> None:
        """A tenant whose rules are not known is refused; the others go on."""
        if batch.signal is not Signal.METRICS or not len(batch.scan.points):
            return
        most, longest = np.zeros((2, len(batch.tenants)), np.int64)
        for tenant in dict.fromkeys(batch.tenants):
            try:
                allowed = self._limits_of(tenant.id)
            except Refused as refused:
                batch.refuse(tenant, refused)
                continue
            calls = [number for number, each in enumerate(batch.tenants) if each == tenant]
            most[calls], longest[calls] = allowed.max_labels, allowed.max_label_value_bytes
        for find, limit, reason in ((_many, most, Reason.LABELS), (_long, longest, Reason.LABEL_VALUE)):
            if (bad := find(batch.scan, limit)).any():
                batch.reject_points(np.flatnonzero(bad), reason)


def _many(scan: Scan, limit: Limits) -> Mask:
    """bool[points]: those with more attributes than the limit of their call."""
    _, offsets = scan.attributes_of(Owner.POINT)
    return np.asarray(np.diff(offsets) > limit[scan.points.call])


def _long(scan: Scan, limit: Limits) -> Mask:
    """bool[points]: those with an attribute whose value is longer."""
    order, _ = scan.attributes_of(Owner.POINT)
    point, length = scan.attributes.parent[order], scan.attributes.slices("value").len[order]
    found = np.zeros(len(scan.points), np.bool_)
    found[point[length > limit[scan.points.call[point]]]] = True
    return found
