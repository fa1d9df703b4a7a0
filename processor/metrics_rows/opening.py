"""The state of a partition of metrics that is taken over, as the owner before left it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import translated
from otelhouse.recording.groups import RecordingRules
from otelhouse.rules.documents.series import SeriesLimits
from processor.commit import Checkpoint
from processor.metrics_rows.active import MS_PER_HOUR, MS_PER_MINUTE
from processor.metrics_rows.state import MetricsState
from processor.recording.state import Recording
from processor.rules import RECORDING, SERIES, PartitionRules, Source
from processor.waiting import Waiter
from schema.record import block_number

_SEEN = (
    "SELECT tenant, class, series, max(toUnixTimestamp64Milli(time)) AS last FROM series_seen"
    " WHERE block >= {first:UInt64} AND block <= {last:UInt64} AND time >= fromUnixTimestamp64Milli({since:Int64})"
    " GROUP BY tenant, class, series"
)
_NEW = (
    "SELECT tenant, count() FROM series_seen WHERE block >= {first:UInt64} AND block <= {last:UInt64}"
    " AND time >= fromUnixTimestamp64Milli({since:Int64}) AND new GROUP BY tenant"
)

_REPLICAS = (
    "SELECT tenant, cluster, argMax(replica, block), toUnixTimestamp64Milli(max(time)) FROM ha_replicas"
    " WHERE block >= {first:UInt64} AND block <= {last:UInt64} AND time >= fromUnixTimestamp64Milli({since:Int64})"
    " GROUP BY tenant, cluster"
)

_SINCE = (
    "SELECT tenant, rule, toUnixTimestamp64Milli(argMax(since, block)) FROM recorded_until"
    " WHERE block >= {first:UInt64} AND block <= {last:UInt64} GROUP BY tenant, rule"
)


class MetricsStates:
    """Opens states. Thread-safe as far as the source and `connect` are."""

    def __init__(
        self, rules: Source[SeriesLimits], recording: Source[RecordingRules], connect: Callable[[], Client]
    ) -> None:
        self._rules = rules
        self._recording = recording
        self._connect = connect

    def open(self, name: TopicPartition, checkpoint: Checkpoint, waiter: Waiter) -> MetricsState:
        """As it was at C, but for the samples that windows before C bring back. Raises NotKnown, ClickHouseError."""
        recorded = PartitionRules(RECORDING, self._recording, name)
        blocks = {"first": block_number(name.partition, 0), "last": block_number(name.partition, checkpoint.emitted)}
        with contextlib.closing(self._connect()) as client, translated():
            # By what is stored, not by the checkpoint: where a commit is lost it does not know its log time.
            last_ms = _newest(client, "series_seen", blocks)
            hour = (last_ms // MS_PER_HOUR - 1) * MS_PER_HOUR
            seen = client.query_arrow(_SEEN, parameters={**blocks, "since": hour})
            minute = last_ms // MS_PER_MINUTE * MS_PER_MINUTE
            new = client.query(_NEW, parameters={**blocks, "since": minute}).result_rows
            # No failover takes longer than an hour.
            since = _newest(client, "ha_replicas", blocks) - MS_PER_HOUR
            began = client.query(_SINCE, parameters=blocks).result_rows if recorded.any else ()
            elected = client.query(_REPLICAS, parameters={**blocks, "since": since}).result_rows
        rules: dict[str, dict[int, int]] = {}
        for tenant, rule, since_ms in began:
            rules.setdefault(tenant, {})[rule] = since_ms
        state = MetricsState(PartitionRules(SERIES, self._rules, name), Recording(recorded, rules))
        for tenant, cluster, replica, heard_ms in elected:
            state.replicas.restore(tenant, cluster, replica, heard_ms)
        if seen.num_rows:
            state.restore(
                seen.column("tenant").cast(pa.string()).to_pylist(),
                seen.column("class").to_numpy().astype(np.uint8),
                seen.column("series").to_numpy().astype(np.uint64),
                (seen.column("last").to_numpy() // MS_PER_HOUR).astype(np.int32),
                {str(tenant): int(count) for tenant, count in new},
                last_ms,
            )
        return state


def _newest(client: Client, table: str, blocks: Mapping[str, int]) -> int:
    """Log time of the newest row, in ms; 0 if there is none."""
    found = client.query(
        f"SELECT toUnixTimestamp64Milli(max(time)) FROM {table}"
        " WHERE block >= {first:UInt64} AND block <= {last:UInt64}",
        parameters=dict(blocks),
    )
    return int(found.result_rows[0][0])
