"""Where dropped traces are in the log, by what is stored of a partition."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import translated
from processor.sampling.recall import Verdict
from schema.record import block_number

_AT_ONCE = 1000
"""Traces that a query names; more make its text too long."""
_VERDICTS = (
    "argMax(class, block), toUnixTimestamp64Milli(argMax(first_seen, block)),"
    " toUnixTimestamp64Milli(argMax(last_seen, block)), argMax(first_offset, block), argMax(last_offset, block)"
)


class StoredIndex:
    """See recall.Index. `connect` may raise what a ClickHouse that is down raises."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect

    def verdicts(self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int) -> dict[bytes, Verdict]:
        """See recall.Index."""
        rows = self._rows(
            f"SELECT trace_id, {_VERDICTS} FROM decisions WHERE NOT kept AND {{of_traces}} GROUP BY trace_id",
            name, tenant, ids, before,
        )  # fmt: skip
        return {trace: Verdict(*found) for trace, *found in rows}

    def sightings(
        self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int
    ) -> list[tuple[bytes, int, int]]:
        """See recall.Index."""
        query = "SELECT trace_id, first_offset, last_offset FROM trace_index WHERE {of_traces}"
        return [(trace, first, last) for trace, first, last in self._rows(query, name, tenant, ids, before)]

    def _rows(
        self, query: str, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int
    ) -> Iterator[tuple[Any, ...]]:
        parameters = {
            "tenant": tenant,
            "first": block_number(name.partition, 0),
            "before": block_number(name.partition, before),
        }
        with contextlib.closing(self._connect()) as client:
            for first in range(0, len(ids), _AT_ONCE):
                # Nothing but hexadecimal digits: of a parameter's array ClickHouse would make no set for the index.
                wanted = ", ".join(f"unhex('{each.hex()}')" for each in ids[first : first + _AT_ONCE])
                chosen = (
                    f"tenant = {{tenant:String}} AND trace_id IN ({wanted})"
                    " AND block >= {first:UInt64} AND block < {before:UInt64}"
                )
                with translated():
                    found = client.query(query.replace("{of_traces}", chosen), parameters=parameters).result_rows
                yield from (tuple(row) for row in found)
