"""The spans table beside that of the OpenTelemetry Collector's exporter: bytes a span, and what searches take.

The same rows in both, in one engine, merged into one part. Ours is asked by the functions that answer GraphQL, in as
many queries as those make; the peer by the queries its documentation gives, which look in one place only for an
attribute. BENCH_SPANS says how many spans; BENCH_PEER=inverted takes the peer's inverted indexes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from clickhouse_connect.driver.client import Client

from benchmarks import spans_peer
from benchmarks.harness import Cost, measure
from benchmarks.spans_rows import RATE, START, TENANT, operation, resources, service, user, windows
from otelhouse.clickhouse import connect, insert_arrow
from otelhouse.config import ClickHouseSettings
from query.database import Database, Reading, Row
from query.plan.sql import statement
from query.plan.tree import Select
from query.read.attributes import Match
from query.read.spans import extent, spans
from query.read.traces import TraceQuery, matching_traces
from query.source import Range
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from tests.support.clickhouse import start_clickhouse

SPANS = int(os.environ.get("BENCH_SPANS", "1000000"))
INVERTED = os.environ.get("BENCH_PEER") == "inverted"
ROUNDS = 9
OURS, PEER = "ours", "peer"

Pair: TypeAlias = tuple[Callable[[], Any], str, dict[str, Any]]
"""Ours to call; the peer's SQL and its parameters."""

_GRANULES = re.compile(r"Granules: (\d+)/(\d+)")


class Watched(Database):
    """Remembers what was asked."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        super().__init__(settings)
        self.asked: list[tuple[Select, Reading]] = []

    async def rows(self, select: Select, reading: Reading = Reading.ALL) -> Sequence[Row]:
        """As the real one."""
        self.asked.append((select, reading))
        return await super().rows(select, reading)


@dataclass
class Read:
    """What the rounds of one query took: milliseconds, the server's CPU; and of the last one rows and granules."""

    ms: list[float] = field(default_factory=list)
    cpu: float = 0
    rows: int = 0
    granules: int = 0

    def add(self, cost: Cost) -> None:
        """One more round."""
        self.ms.append(cost.wall * 1000)
        self.cpu += cost.cpu * 1000 / ROUNDS

    @property
    def median(self) -> float:
        return statistics.median(self.ms)


@dataclass(frozen=True)
class Bench:
    """Who is asked."""

    database: Watched
    ours: Client
    peer: Client
    pids: Sequence[int]


def main() -> None:
    """Print bytes by column, then medians of each query and their ratios."""
    with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory) / "clickhouse") as server:
        settings = {name: ClickHouseSettings(url=server.url, database=name) for name in (OURS, PEER)}
        with contextlib.closing(connect(settings[OURS], database="")) as client:
            for name in settings:
                client.command(f"CREATE DATABASE {name}")
        with contextlib.closing(connect(settings[OURS])) as ours, contextlib.closing(connect(settings[PEER])) as peer:
            stored = _load(ours, peer)
            _sizes(ours, stored)
            pids = [server.process.pid] if server.process is not None else []
            _queries(Bench(Watched(settings[OURS]), ours, peer, pids), stored)


def _load(ours: Client, peer: Client) -> int:
    for migration in migrations("clickhouse"):
        for text in render(migration.text, Layout(OURS)):
            ours.command(text)
    for text in spans_peer.tables(spans_peer.INVERTED if INVERTED else spans_peer.BLOOM):
        peer.command(text)
    insert_arrow(ours, "resources", resources(), "")
    stored = 0
    for number, window in enumerate(windows(SPANS), 1):
        stored += insert_arrow(ours, "spans", window.spans, "")
        insert_arrow(ours, "trace_index", window.trace_index, "")
        peer.command(spans_peer.copy(OURS), parameters={"block": number})
    for client, tables in (
        (ours, ("spans", "trace_index", "resources")),
        (peer, ("otel_traces", "otel_traces_trace_id_ts")),
    ):
        for table in tables:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
    return stored


def _sizes(client: Client, stored: int) -> None:
    out = sys.stdout
    out.write(f"\n{stored:,} spans, {RATE} a second: bytes on disk a span\n")
    total = {}
    for database in (OURS, PEER):
        tables = client.query(
            "SELECT table, sum(bytes_on_disk), sum(secondary_indices_compressed_bytes) FROM system.parts"
            f" WHERE active AND database = '{database}' GROUP BY table HAVING sum(rows) > 0 ORDER BY table"
        ).result_rows
        total[database] = sum(size for _, size, _ in tables) / stored
        for table, size, indexes in tables:
            out.write(f"  {database:5} {table:26} {size / stored:8.2f}, of it indexes {indexes / stored:5.2f}\n")
    out.write(f"  ours / peer {total[OURS]:.2f} / {total[PEER]:.2f} = {total[OURS] / total[PEER]:.2f}\n")
    for database, table in ((OURS, "spans"), (PEER, "otel_traces")):
        columns = client.query(
            "SELECT column, sum(column_data_compressed_bytes) AS size FROM system.parts_columns"
            f" WHERE active AND database = '{database}' AND table = '{table}' GROUP BY column ORDER BY size DESC"
        ).result_rows
        indexes = client.query(
            "SELECT name, data_compressed_bytes AS size FROM system.data_skipping_indices"
            f" WHERE database = '{database}' AND table = '{table}' ORDER BY size DESC"
        ).result_rows
        for what, sizes in (("columns", columns), ("indexes", indexes)):
            shown = ", ".join(f"{name} {size / stored:.2f}" for name, size in sizes if size / stored >= 0.005)
            out.write(f"  {what} of {table}: {shown}\n")


def _queries(bench: Bench, stored: int) -> None:
    head = ("ms ours", "peer", "ratio", "CPU ours", "peer", "ratio", "rows ours", "peer", "granules", "peer")
    sys.stdout.write(f"\n  {'medians of ' + str(ROUNDS):42}" + "".join(f"{word:>10}" for word in head) + "\n")
    chance = random.Random(5)
    ids = bench.ours.query(
        "SELECT lower(hex(trace_id)) FROM trace_index ORDER BY cityHash64(trace_id) LIMIT 100"
    ).result_rows
    with asyncio.Runner() as runner:

        def trace(number: int) -> Pair:
            one = ids[number][0]
            return lambda: runner.run(_trace(bench.database, one)), spans_peer.TRACE, {"id": one}

        def search(query: TraceQuery, resource: bool = False) -> Pair:
            asked = matching_traces(bench.database, TENANT, query, 20, None)
            return lambda: runner.run(asked), *spans_peer.search(query, resource, INVERTED)

        _compare(bench, "a trace by its id", trace)
        for name, make in _searches(chance, stored).items():
            resource = name.startswith("a pod")
            _compare(bench, name, lambda number, m=make, r=resource: search(m(number), r))
    bench.database.close()


def _searches(chance: random.Random, stored: int) -> dict[str, Callable[[int], TraceQuery]]:
    length = stored * 10**9 // RATE
    pods = [dict(row)["k8s.pod.name"] for row in resources()["attributes"].to_pylist()]

    def of(share: float, number: int) -> Range:
        # Another end each time, so that no round finds what the engine remembers of the last.
        end = START + length - number * 10**9
        return Range(end - int(length * share), end)

    def attribute(key: str, value: Callable[[], str], share: float = 1) -> Callable[[int], TraceQuery]:
        return lambda number: TraceQuery(of(share, number), attributes=(Match(key, value()),))

    def some() -> int:
        return chance.randrange(40)

    return {
        "user.id = one of 100,000": attribute("user.id", lambda: user(chance.randrange(100_000))),
        "user.id = one of 100,000, last tenth": attribute("user.id", lambda: user(chance.randrange(100_000)), 0.1),
        "app.region = one of 4": attribute("app.region", lambda: f"eu-{chance.randrange(4)}"),
        "http.response.status_code = 500": attribute("http.response.status_code", lambda: "500"),
        "http.route = one of 48": attribute("http.route", lambda: f"/api/v1/orders/{{id}}/{chance.randrange(12)}"),
        "server.address = one of 40, last tenth": attribute(
            "server.address", lambda: f"shop-{some()}.example.com", 0.1
        ),
        "a pod of 240 (attribute of the resource)": attribute("k8s.pod.name", lambda: chance.choice(pods)),
        "a service": lambda number: TraceQuery(of(1, number), service=service(some())),
        "a service, last tenth": lambda number: TraceQuery(of(0.1, number), service=service(some())),
        "a service and operation": lambda number: TraceQuery(of(1, number), service(n := some()), operation(n, 2)),
        "a service, with error": lambda number: TraceQuery(of(1, number), service(some()), status=2),
        "a service, 400 ms and longer": lambda number: TraceQuery(of(1, number), service(some()), min_duration_ms=400),
        "2 s and longer": lambda number: TraceQuery(of(1, number), min_duration_ms=2000),
    }


async def _trace(database: Database, trace_id: str) -> None:
    where = await extent(database, TENANT, [trace_id])
    if where is None or len((await spans(database, TENANT, where, [trace_id])).rows) < 8:
        raise RuntimeError(f"trace {trace_id} is not there")


def _compare(bench: Bench, name: str, make: Callable[[int], Pair]) -> None:
    mine, theirs = Read(), Read()
    for number in range(ROUNDS):
        ask, sql, parameters = make(number)
        bench.database.asked.clear()
        mine.add(measure(1, ask, bench.pids))
        ask_peer = partial(bench.peer.query, sql, parameters=parameters, settings=Reading.ALL.settings)
        theirs.add(measure(1, ask_peer, bench.pids))
    for select, reading in bench.database.asked:
        planned = statement(select)
        _count(mine, bench.ours, planned.sql, planned.parameters, reading)
    _count(theirs, bench.peer, sql, parameters, Reading.ALL)
    times = f"{mine.median:10.1f}{theirs.median:10.1f}{mine.median / theirs.median:9.2f}x"
    cpu = f"{mine.cpu:10.1f}{theirs.cpu:10.1f}{mine.cpu / max(theirs.cpu, 1):9.2f}x"
    reads = f"{mine.rows:10,}{theirs.rows:10,}{mine.granules:10,}{theirs.granules:10,}"
    sys.stdout.write(f"  {name:42}{times}{cpu}{reads}\n")
    sys.stdout.flush()


def _count(read: Read, client: Client, sql: str, parameters: dict[str, Any], reading: Reading) -> None:
    """Add the rows that the query read, and the granules that its indexes left (all of them where it has none)."""
    settings = {**reading.settings, "use_query_condition_cache": 0}
    read.rows += int(client.query(sql, parameters=parameters, settings=settings).summary["read_rows"])
    last = 0
    for (line,) in client.query(f"EXPLAIN indexes = 1 {sql}", parameters=parameters, settings=settings).result_rows:
        if "ReadFrom" in line:
            read.granules, last = read.granules + last, 0
        if found := _GRANULES.search(line):
            last = int(found[1])
    read.granules += last


if __name__ == "__main__":
    main()
