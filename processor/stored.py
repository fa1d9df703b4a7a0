"""What is stored of a partition, asked of ClickHouse where the group's commit that would say so is lost."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import ClickHouseError, translated
from schema.record import block_number, block_position
from schema.signal import Signal

NOT_YET = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE
"""ClickHouse's errors about what the migrator has not made yet, but will."""

_BLOCK_TABLES = {
    Signal.TRACES: ("spans", "trace_index", "decisions", "sampler_states", "service_edges"),
    Signal.METRICS: (
        "samples",
        "histograms",
        "exemplars",
        "series_seen",
        "series_refused",
        "ha_replicas",
        "recorded",
        "recorded_until",
    ),
    Signal.LOGS: ("logs",),
}
_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest block of a partition: it ends at `end`, the one before at `previous` (None: there is none).

    `day` is the newest block's, in days since the epoch.
    """

    previous: int | None
    end: int
    day: int


class LookUp:
    """Asks for the newest blocks; one thread uses it. `connect` may raise what a ClickHouse that is down raises."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect

    def __call__(self, name: TopicPartition) -> Stored | None:
        """The newest block stored of a partition, on any shard; None if there is none. Raises ClickHouseError."""
        try:
            client = self._connect()
        except ClickHouseError as error:
            if error.code in NOT_YET:
                return None
            raise
        with contextlib.closing(client):
            return _newest(client, name)


def _newest(client: Client, name: TopicPartition) -> Stored | None:
    # No block ends at 0, which `samples` has in all rows but the first of a part.
    first = block_number(name.partition, 1)
    # One less than the next partition's first, which for the last partition is no UInt64.
    newest = _newest_before(client, name, first, first + block_number(1, 0) - 2)
    if newest is None:
        return None
    number, day = newest
    before = _newest_before(client, name, first, number)
    return Stored(block_position(before[0])[1] if before else None, block_position(number)[1], day)


def _newest_before(client: Client, name: TopicPartition, first: int, limit: int) -> tuple[int, int] | None:
    """(number, day) of the block with the highest number in [first, limit)."""
    tables = _BLOCK_TABLES[Signal.of_topic(name.topic)]
    return max((found for table in tables if (found := _newest_in(client, table, first, limit))), default=None)


def _newest_in(client: Client, table: str, first: int, limit: int) -> tuple[int, int] | None:
    try:
        with translated():
            found = client.query(
                f"SELECT count(), max(block), argMax(day, block) FROM {table}"
                " WHERE block >= {first:UInt64} AND block < {limit:UInt64}",
                parameters={"first": first, "limit": limit},
            )
    except ClickHouseError as error:
        if error.code in NOT_YET:
            return None
        raise
    count, number, day = found.result_rows[0]
    return (int(number), (day - _EPOCH).days) if count else None
