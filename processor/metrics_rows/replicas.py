"""Which of the Prometheus servers that scrape the same targets is listened to, by cluster: the elected one.

As in Mimir's and Cortex' HA tracker: samples that carry both labels belong to a replica of a cluster; those of the
elected replica are stored without the replica's label, those of the others are not. When nothing came from it for the
failover time, the replica that is heard next is elected. Time is log time, so an election is a function of the log;
after a restart it is what the table `ha_replicas` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from otelhouse.rules.documents.series import ReplicaLabels
from processor.batch import Batch
from processor.columns import block, place, rows_of, window_time
from schema.arrays import I64, Mask
from schema.arrow import HA_REPLICAS
from schema.wire import Owner, ValueKind

MOST_CLUSTERS = 1000
"""Of a tenant at a time. Samples of more are stored as they come, with both labels."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """By data point: whether it is another replica's than the elected one; which attribute (row of the table) is left
    out of its labels, -1 for none. `rows`: those of `ha_replicas`."""

    others: Mask
    left_out: I64
    rows: pa.RecordBatch


class Replicas:
    """The elected replicas of a partition's tenants. One thread uses it."""

    def __init__(self) -> None:
        self._elected: dict[tuple[str, str], tuple[str, int]] = {}

    def restore(self, tenant: str, cluster: str, replica: str, heard_ms: int) -> None:
        """Begin with a replica that was elected, and when it was last heard."""
        self._elected[tenant, cluster] = replica, heard_ms

    def choose(self, batch: Batch, labels_of: Callable[[str], ReplicaLabels | None]) -> Chosen:
        """Elect where need be. `labels_of` a tenant: what its rule says, if it has one."""
        points = batch.scan.points
        others, left_out = np.zeros(len(points), np.bool_), np.full(len(points), -1, np.int64)
        heard: list[tuple[int, str, str]] = []
        of_point = batch.tenant[points.call]
        for number, tenant in enumerate(batch.tenants):
            if (labels := labels_of(tenant)) is not None:
                heard += self._of_tenant(batch, tenant, labels, of_point == number, others, left_out)
        calls = np.array([call for call, _, _ in heard], np.int32)
        columns = place(batch, calls) | {
            "time": window_time(batch, len(heard)),
            "cluster": pa.array([cluster for _, cluster, _ in heard], pa.string()),
            "replica": pa.array([replica for _, _, replica in heard], pa.string()),
        }
        return Chosen(others, left_out, rows_of(HA_REPLICAS, columns | block(batch, len(heard))))

    def _of_tenant(
        self, batch: Batch, tenant: str, labels: ReplicaLabels, own: Mask, others: Mask, left_out: I64
    ) -> list[tuple[int, str, str]]:
        """Fill in its points; (call, cluster, elected replica) of each cluster whose elected replica was heard."""
        scan, now = batch.scan, batch.window.log_ms
        self._forget(tenant, now - 1000 * labels.failover_seconds)
        cluster_at, replica_at = (
            scan.find(Owner.POINT, name.encode()) for name in (labels.cluster_label, labels.replica_label)
        )
        rows = np.flatnonzero(own & (cluster_at >= 0) & (replica_at >= 0))
        texts = scan.attributes["value.kind"] == ValueKind.STRING
        rows = rows[texts[cluster_at[rows]] & texts[replica_at[rows]]]
        values = scan.attributes["value"]
        cluster, replica = values.take(cluster_at[rows]), values.take(replica_at[rows])
        pairs = np.stack([cluster.hash(), replica.hash()], axis=1)
        _, first, of_row = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        of_row = of_row.reshape(-1)
        heard = []
        for pair in np.argsort(first).tolist():  # in the order of the log: who is heard first is elected
            at = int(first[pair])
            key = tenant, cluster[at].decode()
            name = replica[at].decode()
            if key not in self._elected:
                if sum(each == tenant for each, _ in self._elected) >= MOST_CLUSTERS:
                    continue
                self._elected[key] = name, now
            mine = rows[of_row == pair]
            left_out[mine] = replica_at[mine]
            if self._elected[key][0] == name:
                self._elected[key] = name, now
                heard.append((int(scan.points.call[rows[at]]), key[1], name))
            else:
                others[mine] = True
        return heard

    def _forget(self, tenant: str, before_ms: int) -> None:
        """Those that were not heard since: whoever comes next is elected."""
        silent = [key for key, (_, heard) in self._elected.items() if key[0] == tenant and heard < before_ms]
        for key in silent:
            del self._elected[key]
