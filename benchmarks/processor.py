"""From the log to ClickHouse, beside the insert of the same rows made beforehand.

The floor inserts finished Arrow blocks with nothing but the client: what ClickHouse itself costs. `rows` makes the
same blocks from the records' bytes and inserts nothing: what we cost. `processor` is the real process, from a full
embedded log to the committed end, and ClickHouse's CPU with it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from benchmarks import payloads
from benchmarks.harness import Table, in_turn, measure
from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing, Record, TopicPartition
from otelhouse.clickhouse import connect, insert_arrow
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings, LogSettings, ProcessorSettings
from processor.build import Block, Builder, State
from processor.metrics_rows.state import MetricsState
from processor.recording.state import Recording
from processor.rules import RECORDING, SAMPLING, SERIES, SPAN_METRICS, Form, PartitionRules, Version
from processor.sampling.sampler import Sampler
from processor.traces.cardinality import Cardinality
from processor.traces.state import TracesState
from processor.window import Entry, Limits, OpenWindow, Window
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from schema.record import Framing
from schema.signal import Signal
from tests.support.clickhouse import ClickHouse, start_clickhouse
from tests.support.components import start
from tests.support.postgres import embedded_server, migrate_postgres

ROUNDS = 3
PARTITIONS = 2
WINDOW_ROWS = 50_000
LOADS = (
    (Signal.TRACES, payloads.traces, "span", 512, 100_000),
    (Signal.TRACES, payloads.traces, "span", 8, 100_000),
    (Signal.LOGS, payloads.logs, "record", 512, 100_000),
    (Signal.METRICS, payloads.metrics, "point", 512, 50_000),
)
"""Signal, its payloads, an item's name, items a record, items a run."""


@dataclass
class Bench:
    """Where one load runs."""

    server: ClickHouse
    postgres_url: str
    directory: Path
    signal: Signal
    items: int
    per_record: int
    values: list[bytes]

    @property
    def pids(self) -> list[int]:
        return [self.server.process.pid] if self.server.process is not None else []


def main() -> None:
    """Print items a second and CPU an item, for each signal."""
    with (
        tempfile.TemporaryDirectory() as directory,
        start_clickhouse(Path(directory) / "clickhouse") as server,
        embedded_server() as metadata,
        metadata.database() as url,
    ):
        migrate_postgres(url)
        for number, (signal, make, unit, per_record, items) in enumerate(LOADS):
            values = make(per_record, items)
            bench = Bench(server, url, Path(directory) / str(number), signal, items, per_record, values)
            _compare(bench, Table(f"{signal.name.lower()} to ClickHouse, {per_record} {unit}s a record", unit))


def _compare(bench: Bench, table: Table) -> None:
    windows = list(_windows(bench))
    builder, state = Builder(), _state(bench)
    blocks = [block for window in windows for block in builder.build(window, state).blocks]
    with in_turn(table, ROUNDS) as rounds:
        for turn in rounds:
            settings = _database(bench, f"floor_{bench.signal.name.lower()}_{bench.per_record}_{turn}")
            with contextlib.closing(connect(settings)) as client:
                inserted = measure(bench.items, partial(_insert, client, blocks), [*bench.pids, os.getpid()])
                table.add("insert of finished blocks", inserted)
            table.add("rows only", measure(bench.items, partial(_build, bench, builder, windows)))
            settings = _database(bench, f"real_{bench.signal.name.lower()}_{bench.per_record}_{turn}")
            _process(bench, table, settings, turn)


def _build(bench: Bench, builder: Builder, windows: list[Window]) -> None:
    state = _state(bench)
    for window in windows:
        builder.build(window, state)


class _NoRules:
    """No tenant has a rule."""

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[Any]]]:
        return {}


def no_rules(form: Form[Any], name: TopicPartition) -> PartitionRules[Any]:
    """A partition's rules where no tenant has any."""
    return PartitionRules[Any](form, _NoRules(), name)


def _state(bench: Bench) -> State | None:
    name = TopicPartition(bench.signal.topic, 0)
    sampling, measured, series = (no_rules(form, name) for form in (SAMPLING, SPAN_METRICS, SERIES))
    if bench.signal is Signal.METRICS:
        return MetricsState(series, Recording(no_rules(RECORDING, name)))
    return TracesState(Sampler(sampling), measured, Cardinality(), 0) if bench.signal is Signal.TRACES else None


def _insert(client: Client, blocks: list[Block]) -> None:
    for block in blocks:
        insert_arrow(client, block.table, pa.Table.from_batches([block.rows]), "")


def _process(bench: Bench, table: Table, settings: ClickHouseSettings, turn: int) -> None:
    log_settings = LogSettings(url=f"embedded:{bench.directory / str(turn)}", partitions=PARTITIONS)
    _fill(bench, log_settings)
    environment = {
        "OTELHOUSE_LOG_URL": log_settings.url,
        "OTELHOUSE_LOG_PARTITIONS": str(PARTITIONS),
        "OTELHOUSE_POSTGRES_URL": bench.postgres_url,
        "OTELHOUSE_CLICKHOUSE_URL": settings.url,
        "OTELHOUSE_CLICKHOUSE_DATABASE": settings.database,
        "OTELHOUSE_PROCESSOR_ADMIN": "127.0.0.1:0",
        "OTELHOUSE_PROCESSOR_WINDOW_SECONDS": "1",
        "OTELHOUSE_PROCESSOR_WINDOW_ROWS": str(WINDOW_ROWS),
    }
    processor = start(["processor"], environment)
    try:
        pids = [*bench.pids, processor.process.pid]
        table.add("processor and ClickHouse", measure(bench.items, lambda: _until_stored(log_settings), pids))
    finally:
        processor.stop()


def _fill(bench: Bench, settings: LogSettings) -> None:
    log = open_log(settings, SystemClock())
    admin, producer = log.admin(), log.producer()
    admin.ensure_topic(bench.signal.topic, PARTITIONS)
    headers = Framing("acme", bench.per_record, 0).headers()
    records = [Outgoing(bench.signal.topic, n % PARTITIONS, value, headers) for n, value in enumerate(bench.values)]
    for first in range(0, len(records), 200):
        for result in producer.publish(records[first : first + 200]).result(60):
            if isinstance(result, Exception):
                raise result
    admin.close()
    producer.close()
    log.close()


def _until_stored(settings: LogSettings) -> None:
    log = open_log(settings, SystemClock())
    admin = log.admin()
    while not (lags := admin.lag("otelhouse-processor")) or sum(lags.values()):
        time.sleep(0.01)
    admin.close()
    log.close()


def _windows(bench: Bench) -> Iterator[Window]:
    """The windows that the processor cuts of the same records, but for the last of each partition."""
    limits = Limits.of(bench.signal, ProcessorSettings(window_seconds=3600.0, window_rows=WINDOW_ROWS), 1)
    name = TopicPartition(bench.signal.topic, 0)
    framing = Framing("acme", bench.per_record, 0)
    window = OpenWindow(name, limits, 0, 0, 0)
    for offset, value in enumerate(bench.values):
        window.add(Entry(Record(*name, offset, 0, (), value), 0, framing))
        if window.ends_at(offset + 1) or offset == len(bench.values) - 1:
            yield window.completed(offset + 1, 0)
            window = OpenWindow(name, limits, offset + 1, 0, 0)


def _database(bench: Bench, database: str) -> ClickHouseSettings:
    settings = ClickHouseSettings(url=bench.server.url, database=database)
    with contextlib.closing(connect(settings, database="")) as client:
        client.command(Layout(database).create_database())
    with contextlib.closing(connect(settings)) as client:
        for migration in migrations("clickhouse"):
            for statement in render(migration.text, Layout(database)):
                client.command(statement)
        client.command("SYSTEM STOP MERGES")
    return settings
