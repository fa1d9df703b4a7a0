"""Bytes a sample on disk, the same samples in Prometheus' blocks and in our tables, the index of labels included.

Prometheus' blocks are made by `promtool tsdb create-blocks-from openmetrics`: what its compaction makes of two hours.
Ours come as remote write brings them, one request a scrape, through the processor's code, and are merged into one part.
TEST_PROMTOOL names promtool; without it, it is built by Go.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from clickhouse_connect.driver.client import Client

from benchmarks.processor import no_rules
from benchmarks.samples_made import STEPS, Made, series
from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.clickhouse import connect
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings
from processor.build import Builder
from processor.metrics_rows.state import MetricsState
from processor.rules import SERIES
from processor.sink import Sink
from processor.window import Entry, Window
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from schema.record import Framing
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from tests.support.clickhouse import start_clickhouse
from tests.support.prometheus import promtool
from tests.support.remote_write import V1, v1_series

_TOPIC = TopicPartition(Signal.METRICS.topic, 0)
_FRAMING = Framing("acme", 1, 0)


class _Never:
    """Nobody waits."""

    def pause(self, seconds: float) -> bool:
        return False


def main() -> None:
    """Print a row for each kind of series, and one for all."""
    made = sorted(series(), key=lambda each: each.kind)
    kinds = {kind: list(some) for kind, some in groupby(made, key=lambda each: each.kind)}
    with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory) / "clickhouse") as server:
        sys.stdout.write(f"\n{'bytes a sample':34}{'ours':>8}{'Prometheus':>12}{'ratio':>8}   ours by column\n")
        for number, (kind, some) in enumerate({**kinds, "all": made}.items()):
            settings = ClickHouseSettings(url=server.url, database=f"kind_{number}")
            with contextlib.closing(connect(settings, database="")) as client:
                client.command(Layout(settings.database).create_database())
            with contextlib.closing(connect(settings)) as client:
                ours, columns = _ours(client, settings, some)
            theirs = _prometheus(Path(directory) / f"blocks_{number}", some)
            samples = len(some) * STEPS
            sys.stdout.write(
                f"{kind:34}{ours / samples:8.3f}{theirs / samples:12.3f}{ours / theirs:8.2f}   {columns}\n"
            )


def _ours(client: Client, settings: ClickHouseSettings, made: list[Made]) -> tuple[int, str]:
    """(bytes on disk, those of each column of `samples` a sample)"""
    for migration in migrations("clickhouse"):
        for statement in render(migration.text, Layout(settings.database)):
            client.command(statement)
    sink = Sink(lambda: connect(settings), Layout(settings.database), SystemClock())
    builder, state = Builder(), MetricsState(no_rules(SERIES, _TOPIC))
    for window in _windows(made):
        built = builder.build(window, state)
        for rows in built.shared:
            sink.store_shared(rows, _Never())
        for block in built.blocks:
            sink.store(block, False, _Never())
    sink.close()
    for table in ("samples", "series"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    size = (
        "SELECT sum(bytes_on_disk) FROM system.parts"
        " WHERE active AND database = currentDatabase() AND table IN ('samples', 'series')"
    )
    columns = client.query(
        "SELECT column, sum(column_bytes_on_disk) AS size FROM system.parts_columns WHERE active"
        " AND database = currentDatabase() AND table = 'samples' GROUP BY column ORDER BY size DESC"
    ).result_rows
    samples = len(made) * STEPS
    shown = ", ".join(f"{name} {bytes_ / samples:.3f}" for name, bytes_ in columns if bytes_ / samples >= 0.005)
    return int(client.query(size).result_rows[0][0]), shown


def _windows(made: list[Made]) -> Iterator[Window]:
    request = V1["WriteRequest"]()
    samples = [v1_series(request, {"__name__": each.metric, **each.labels}).samples.add() for each in made]
    for step in range(STEPS):
        for each, sample in zip(made, samples, strict=True):
            sample.value, sample.timestamp = float(each.values[step]), int(each.times[step])
        body = bytes(convert(Version.V1, np.frombuffer(bytearray(request.SerializeToString()), np.uint8), 1 << 30).body)
        log_ms = int(made[0].times[step])
        entry = Entry(Record(*_TOPIC, step, log_ms, (), body), log_ms, _FRAMING)
        yield Window(_TOPIC, step, step + 1, log_ms, log_ms, (entry,), 0)


def _prometheus(directory: Path, made: list[Made]) -> int:
    directory.mkdir()
    text = directory / "samples.txt"
    with text.open("w") as out:
        for metric, some in groupby(sorted(made, key=lambda each: each.metric), key=lambda each: each.metric):
            out.write(f"# TYPE {metric} unknown\n")
            out.writelines(_lines(some))
        out.write("# EOF\n")
    blocks = directory / "blocks"
    command = [str(promtool()), "tsdb", "create-blocks-from", "openmetrics", "-q", str(text), str(blocks)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sum(path.stat().st_size for path in blocks.rglob("*") if path.is_file())


def _lines(made: Iterable[Made]) -> Iterator[str]:
    for each in made:
        labels = ",".join(f'{name}="{value}"' for name, value in each.labels.items())
        for time, value in zip(each.times.tolist(), each.values.tolist(), strict=True):
            yield f"{each.metric}{{{labels}}} {value!r} {time / 1000:.3f}\n"
