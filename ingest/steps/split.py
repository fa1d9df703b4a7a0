"""Step 4: what goes on is cut into records of one tenant and one partition, by copying byte ranges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, Part, Reason
from ingest.partition_keys import partition_keys
from ingest.topics import Topics
from otelhouse.bus.contract import MAX_VALUE_BYTES, Outgoing
from otelhouse.keys import Tenant
from schema.hash import partitions_of
from schema.partition_key import tenant_seed
from schema.record import Framing
from schema.signal import Signal
from schema.wire.split import split as cut


class Split:
    """Kept items -> parts; items too large for a record are rejected."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def __call__(self, batch: Batch) -> None:
        """Raises Refused while the log's partitions are not known."""
        if not batch.keep.any():
            return
        partitions = self._topics.partitions(batch.signal)
        if batch.signal is Signal.METRICS and _touches_keys(batch):
            batch.apply_edits()
        tenants, group = _groups(batch, partitions)
        pieces = cut(batch.scan, group, MAX_VALUE_BYTES, batch.edits)
        batch.reject(pieces.oversize, Reason.TOO_LARGE)
        topics = [batch.signal.topic, *batch.topics]
        for piece in pieces.pieces:
            place, partition = divmod(piece.group, partitions)
            tenant, topic = tenants[place // len(topics)], topics[place % len(topics)]
            framing = Framing(
                tenant.id,
                piece.items,
                batch.minute,
                tenant.retention_class(batch.signal),
                batch.masking_versions.get(tenant.id, 0),
            )
            record = Outgoing(topic, partition, piece.value, framing.headers())
            batch.parts.append(Part(record, piece.items, piece.calls))


def _touches_keys(batch: Batch) -> bool:
    """Whether an edit may change a metric's partition key: whether one lies outside of the data points."""
    edits, points = batch.edits.sorted(), batch.scan.points
    point = np.searchsorted(points.tag, edits.start, "right") - 1
    return bool(((point < 0) | (edits.end > points.end[point])).any()) if len(points) else len(edits) > 0


def _groups(batch: Batch, partitions: int) -> tuple[list[Tenant], npt.NDArray[np.int32]]:
    """The batch's tenants, and int32[items]: (tenant's place * topics + topic) * partitions + partition, or -1.

    -1 leaves the item out.
    """
    group = np.full(len(batch.keep), -1, np.int32)
    tenants = []
    for place, (tenant, rows) in enumerate(batch.by_tenant()):
        tenants.append(tenant)
        keys = partition_keys(batch.scan, rows, tenant_seed(tenant.id))
        lane = place * (len(batch.topics) + 1) + (0 if batch.topic is None else batch.topic[rows].astype(np.int32))
        group[rows] = lane * partitions + partitions_of(keys, partitions)
    return tenants, group
