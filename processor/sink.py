"""Blocks into ClickHouse: each once, whole, whatever fails meanwhile.

A block that may have been stored before is counted first: none of its rows, insert it; all, skip it; anything else
is a fault that stops the partition. (A block too large for one part is stored in parts, in order, so that it may also
end at the end of a part.) The deduplication token fences a second live owner of the partition. It alone is
not enough: a server that dies between noting the token and keeping the part would refuse the block ever after, so a
block that was counted is counted again, and given a fresh token if the server only believes to have it. Not on a
cluster: there token and part are kept in one transaction, and a replica that lags behind would count too few.

    StorageFault          storing this can never succeed: stop the partition and report
    waiting.Abandoned     nobody waits for it any longer
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from otelhouse.clickhouse import MAX_BLOCK_ROWS, ClickHouseError, Retryable, insert_arrow, translated
from otelhouse.clock import Clock
from otelhouse.telemetry import get_logger
from processor import metrics
from processor.build import Block, Rows
from processor.stored import NOT_YET
from processor.waiting import Abandoned, Waiter
from schema.clickhouse_ddl import Layout

_log = get_logger(__name__)

# Rows that are idempotent may come from windows of several days and classes.
_SHARED = {"insert_deduplicate": 0, "max_partitions_per_insert_block": 100}
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class StorageFault(Exception):
    """The block contradicts what is stored, or ClickHouse will never take it. The message is one line."""


class Sink:
    """Stores rows; one thread uses it. `connect` may raise what a ClickHouse that is down raises."""

    def __init__(
        self, connect: Callable[[], Client], layout: Layout, clock: Clock, most_rows: int = MAX_BLOCK_ROWS
    ) -> None:
        self._connect = connect
        self._layout = layout
        self._clock = clock
        self._most_rows = most_rows
        self._client: Client | None = None

    def store_shared(self, rows: Rows, waiter: Waiter) -> None:
        """Insert rows that are idempotent by id. Raises StorageFault or Abandoned."""
        table, batch = rows
        self._until_stored(lambda _: self._insert_shared(table, batch), waiter)

    def store(self, block: Block, may_exist: bool, waiter: Waiter) -> None:
        """Store a block exactly once; `may_exist`: an earlier owner may have. Raises StorageFault or Abandoned."""
        self._until_stored(lambda failed: self._store_once(block, may_exist or failed), waiter)

    def close(self) -> None:
        """Let the connection go."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _until_stored(self, attempt: Callable[[bool], None], waiter: Waiter) -> None:
        """Call attempt(whether one failed before) until it succeeds; only what may pass is tried again."""
        failures = 0
        while not waiter.pause(min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(failures - 1, 10)) if failures else 0.0):
            try:
                return attempt(failures > 0)
            except ClickHouseError as error:
                if not _passes(error):
                    raise StorageFault(_line(error)) from error
                failures += 1
                metrics.RETRIES.inc()
                if failures in (1, 5) or failures % 60 == 0:
                    _log.warning("cannot store; trying again", reason=_line(error), failures=failures)
                self.close()
        raise Abandoned

    def _insert_shared(self, table: str, rows: pa.RecordBatch) -> None:
        for start in range(0, rows.num_rows, self._most_rows):
            self._insert(table, rows.slice(start, self._most_rows), "", _SHARED)

    def _store_once(self, block: Block, may_exist: bool) -> None:
        held = self._held(block) if may_exist else 0
        if may_exist and held == block.rows.num_rows:
            metrics.SKIPPED.labels(block.table).inc()
            return
        for start in range(0, block.rows.num_rows, self._most_rows):
            part = block.rows.slice(start, self._most_rows)
            if start + part.num_rows <= held:
                continue
            if start < held:
                raise _contradiction(block, held)
            self._insert_part(block, part, start, may_exist)
        if may_exist:
            metrics.REINSERTED.labels(block.table).inc()

    def _insert_part(self, block: Block, part: pa.RecordBatch, start: int, may_exist: bool) -> None:
        # The window's log time is part of it because a log that was wiped gives its offsets, so numbers, out again.
        token = f"{block.table}:{block.retention_class}:{block.day}:{block.number}:{block.log_ms}:{start}"
        part = part if "block" in part.schema.names else _headed(part, block.number)
        self._insert(block.table, part, token, {})
        if may_exist and not self._layout.cluster:
            self._confirm_part(block, part, start, token)

    def _confirm_part(self, block: Block, part: pa.RecordBatch, start: int, token: str) -> None:
        if self._held(block) == start:
            self._insert(block.table, part, f"{token}:again", {})
        if (held := self._held(block)) != start + part.num_rows:
            raise _contradiction(block, held)

    def _held(self, block: Block) -> int:
        """Rows of the block that are stored. More than it has are a fault."""
        table = self._layout.write_name(block.table)
        client = self._connected()
        rows = "count()" if "block" in block.rows.schema.names else "sum(block_rows)"
        with translated():
            found = client.query(
                f"SELECT {rows} FROM {table}"
                " WHERE class = {class:UInt8} AND day = toDate({day:Int32}) AND block = {block:UInt64}",
                parameters={"class": block.retention_class, "day": block.day, "block": block.number},
            )
        held = int(found.result_rows[0][0])
        if held > block.rows.num_rows:
            raise _contradiction(block, held)
        return held

    def _insert(self, table: str, batch: pa.RecordBatch, token: str, settings: dict[str, Any]) -> None:
        started = self._clock.monotonic()
        rows = pa.Table.from_batches([batch])
        insert_arrow(self._connected(), self._layout.write_name(table), rows, token, settings)
        metrics.INSERT_SECONDS.labels(table).observe(self._clock.monotonic() - started)
        metrics.ROWS.labels(table).inc(batch.num_rows)

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client


def _headed(part: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """With the columns that say in its first row which block it is of, and how many rows it has."""
    for name, kind, value in (("block", np.uint64, number), ("block_rows", np.uint32, part.num_rows)):
        column = np.zeros(part.num_rows, kind)
        column[:1] = value
        part = part.append_column(name, pa.array(column))
    return part


def _contradiction(block: Block, held: int) -> StorageFault:
    return StorageFault(
        f"block {block.number} of {block.table} has {held} rows stored and {block.rows.num_rows} in the log"
    )


def _passes(error: ClickHouseError) -> bool:
    return isinstance(error, Retryable) or error.code in NOT_YET


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
