"""Finding series by PromQL matchers among SERIES (1,000,000) of a tenant: milliseconds, as exemplars(query) asks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from otelhouse.clickhouse import MAX_BLOCK_ROWS, connect, insert_arrow
from otelhouse.config import ClickHouseSettings
from otelhouse.promql.selectors import selectors
from query.database import Database
from query.plan.tree import Alias, Column, Select
from query.read.series import selects
from query.source import source
from schema.arrow import SERIES
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from tests.support.clickhouse import start_clickhouse

MANY = int(os.environ.get("SERIES", "1000000"))
METRICS, PER_TARGET = 20, 200
ROUNDS = 7
QUERIES = (
    'metric_3_total{instance="10.0.2.7:9100"}',
    'metric_3_total{instance="10.0.2.7:9100",handler=~"/api/v1/.*"}',
    '{instance="10.0.2.7:9100"}',
    '{pod=~"pod-12.."}',
    'metric_3_total{job="job-3"}',
    "metric_3_total",
    '{code="200"}',
)


def main() -> None:
    """Print medians."""
    with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory) / "clickhouse") as server:
        settings = ClickHouseSettings(url=server.url, database="lookup")
        with contextlib.closing(connect(settings, database="")) as client:
            client.command(Layout(settings.database).create_database())
        with contextlib.closing(connect(settings)) as client:
            for migration in migrations("clickhouse"):
                for statement in render(migration.text, Layout(settings.database)):
                    client.command(statement)
            for first in range(0, MANY, MAX_BLOCK_ROWS):
                insert_arrow(client, "series", _rows(first, min(MAX_BLOCK_ROWS, MANY - first)), "")
            client.command("OPTIMIZE TABLE series FINAL")
            size = client.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'series'")
        sys.stdout.write(f"\n{MANY:,} series, {int(size.result_rows[0][0]) / MANY:.1f} bytes each on disk\n")
        database = Database(settings)
        with asyncio.Runner() as runner:
            for query in QUERIES:
                spent, found = [], 0
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    found = len(runner.run(_find(database, query)))
                    spent.append(time.perf_counter() - began)
                sys.stdout.write(f"  {query:66}{found:9,} found {statistics.median(spent) * 1000:8.0f} ms\n")
        database.close()


async def _find(database: Database, query: str) -> list[int]:
    (selector,) = selectors(query)
    asked = Select(
        (Alias(Column("series"), "id"),), source("series", "acme"), where=(selects(selector),), distinct=True
    )
    return [row[0] for row in await database.rows(asked)]


def _rows(first: int, count: int) -> pa.Table:
    numbers = range(first, first + count)
    labels = [
        [
            ("code", ("200", "404", "500")[number % 3]),
            ("handler", f"/api/v1/{number // METRICS % 10}"),
            ("instance", f"10.0.{number // PER_TARGET // 250}.{number // PER_TARGET % 250}:9100"),
            ("job", f"job-{number // PER_TARGET % 10}"),
            ("pod", f"pod-{number // PER_TARGET}"),
        ]
        for number in numbers
    ]
    rng = np.random.default_rng(first)
    same = {"type": "counter", "unit": "", "help": "Requests handled.", "temporality": "cumulative"}
    columns = {
        "tenant": pa.array(["acme"] * count).dictionary_encode(),
        "class": pa.array(np.zeros(count, np.uint8)),
        "day": pa.array(np.full(count, 20_000, np.int32)).cast(pa.date32()),
        "metric": pa.array([f"metric_{number % METRICS}_total" for number in numbers]),
        "series": pa.array(rng.integers(1, 1 << 63, count).astype(np.uint64)),
        "labels": pa.array(labels, SERIES.field("labels").type),
        **{name: pa.array([text] * count) for name, text in same.items()},
    }
    return pa.table([columns[name] for name in SERIES.names], schema=SERIES)
