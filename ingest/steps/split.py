"""Step 4: what goes on is cut into records of one tenant and one partition, by copying byte ranges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, Part, Reason
from ingest.partition_keys import partition_keys
from ingest.topics import Topics
from otelhouse.bus.contract import MAX_VALUE_BYTES, Outgoing
from otelhouse.clock import Clock
from otelhouse.keys import Tenant
from schema.hash import partitions_of
from schema.partition_key import tenant_seed
from schema.record import Framing
from schema.wire.split import split as cut

_MINUTE_NS = 60_000_000_000


class Split:
    """Kept items -> parts; items too large for a record are rejected."""

    def __init__(self, topics: Topics, clock: Clock) -> None:
        self._topics = topics
        self._clock = clock

    def __call__(self, batch: Batch) -> None:
        """Raises Refused while the log's partitions are not known."""
        if not batch.keep.any():
            return
        partitions = self._topics.partitions(batch.signal)
        tenants, group = _groups(batch, partitions)
        pieces = cut(batch.scan, group, MAX_VALUE_BYTES)
        batch.reject(pieces.oversize, Reason.TOO_LARGE)
        minute = self._clock.now_ns() // _MINUTE_NS
        for piece in pieces.pieces:
            tenant, partition = tenants[piece.group // partitions], piece.group % partitions
            framing = Framing(tenant.id, piece.items, minute, tenant.retention_class(batch.signal))
            record = Outgoing(batch.signal.topic, partition, piece.value, framing.headers())
            batch.parts.append(Part(record, piece.items, piece.calls))


def _groups(batch: Batch, partitions: int) -> tuple[list[Tenant], npt.NDArray[np.int32]]:
    """The batch's tenants, and int32[items]: tenant's place * partitions + partition, or -1 for what is left out."""
    places: dict[Tenant, int] = {}
    tenant_of_call = np.array([places.setdefault(tenant, len(places)) for tenant in batch.tenants], np.int32)
    tenant_of_item = tenant_of_call[batch.scan.items.call]
    group = np.full(len(batch.keep), -1, np.int32)
    for tenant, place in places.items():
        rows = np.flatnonzero(batch.keep & (tenant_of_item == place))
        keys = partition_keys(batch.scan, rows, tenant_seed(tenant.id))
        group[rows] = place * partitions + partitions_of(keys, partitions)
    return list(places), group
