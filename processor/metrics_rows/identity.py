"""What makes two data points belong to the same series, as one 64-bit hash a point, computed on columns.

Equal identities have equal series; the reverse need not hold (two orders of the same resource attributes are two
identities of the same series). So a series' labels are worked out once for each identity, not for each point.
"""

from __future__ import annotations

import numpy as np

from processor.batch import Batch
from processor.ids import mixed, segment_sums
from processor.metrics_rows.exact import type_hashes
from processor.metrics_rows.naming import Naming
from processor.metrics_rows.shape import Shape
from processor.resources import Resources
from schema.arrays import F64, I64, U64
from schema.wire import Owner


def point_identities(batch: Batch, resources: Resources, shape: Shape, naming: Naming) -> U64:
    """Identity of each data point: tenant, resource, scope, metric, attributes, its parts and how it is named."""
    points = batch.scan.points
    return mixed(
        _metrics(batch, resources, naming)[points.parent],
        segment_sums(*_attributes(batch, naming.left_out)),
        _numbers(shape.bounds_at, shape.bounds),
        _numbers(shape.quantiles_at, shape.quantiles),
        shape.parts.astype(np.uint64),
    )


def target_identities(batch: Batch, resources: Resources, naming: Naming) -> U64:
    """Identity of the `target_info` series of each resource."""
    return mixed(resources.ids, np.uint64(1) + naming.codes(batch, batch.scan.resources.call))


def _metrics(batch: Batch, resources: Resources, naming: Naming) -> U64:
    scopes, metrics = batch.scan.scopes, batch.scan.items
    scope = mixed(resources.ids[scopes.parent], scopes["scope"].hash(), scopes["schema_url"].hash())
    traits = (
        metrics["data"].astype(np.uint64)
        + (metrics["aggregation_temporality"].view(np.uint32).astype(np.uint64) << np.uint64(8))
        + (metrics["is_monotonic"].astype(np.uint64) << np.uint64(40))
        + (naming.codes(batch, metrics.call) << np.uint64(48))
    )
    texts = (metrics[name].hash() for name in ("name", "unit", "description"))
    return mixed(scope[metrics.parent], traits, type_hashes(batch.scan), *texts)


def _attributes(batch: Batch, left_out: I64) -> tuple[U64, I64]:
    """Hashes of the points' attributes and their offsets by point."""
    order, offsets = batch.scan.attributes_of(Owner.POINT)
    table = batch.scan.attributes
    kinds, numbers = table["value.kind"][order].astype(np.uint64), table["value.number"][order].view(np.uint64)
    hashes = mixed(table["key"].take(order).hash(), table["value"].take(order).hash(), kinds, numbers)
    without = left_out[left_out >= 0]
    if len(without):
        hashes[np.isin(order, without)] = 0  # and so it adds nothing
    return hashes, offsets


def _numbers(offsets: I64, values: F64) -> U64:
    """A hash of the sequence values[offsets[i]:offsets[i + 1]] for each i."""
    positions = np.arange(len(values)) - np.repeat(offsets[:-1], np.diff(offsets))
    return segment_sums(mixed(values.view(np.uint64), positions.astype(np.uint64)), offsets)
