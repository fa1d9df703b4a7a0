"""Our processor against a Collector with tail sampling, from the same topic of Kafka: spans per CPU second, memory.

See benchmarks/collector/README.md for what is compared and how to build the Collector. Environment: COLLECTOR, the
built Collector; RACE, settings such as `rounds=3 spans=2000000 held=800000 rate=150000` (with it alone only ours runs).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from confluent_kafka import Producer
from pydantic import SecretStr

from benchmarks.collector.configs import Tail, tail_sampling
from benchmarks.collector.process import Contestant, our_processor, tail_collector
from benchmarks.harness import Cost, Table, cpu_of, numbers
from benchmarks.log_records import TENANT, LogRecords
from otelhouse import postgres
from otelhouse.bus import open_log
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings, PostgresSettings
from otelhouse.rules.effects import Effect, record
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.signal import Signal
from tests.processor.sampling.in_force import put_in_force
from tests.processor.storage import fresh_database
from tests.support.clickhouse import ClickHouse, start_clickhouse
from tests.support.kafka import KafkaBroker
from tests.support.postgres import embedded_server, migrate_postgres

PARTITIONS = 4
POOL_SPANS = 32_768
WAIT_SECONDS, LONG_WAIT_SECONDS = 5, 3600
TOPIC, KEPT_TOPIC = Signal.TRACES.topic, "kept"
OTHER_CORE, SERVER_CORE = 0, 1


@dataclass
class Plan:
    """How often; spans that are decided, and that only wait; spans a second at which the log is filled."""

    rounds: int = 3
    spans: int = 2_000_000
    held: int = 800_000
    rate: int = 150_000

    @classmethod
    def of(cls, text: str) -> Plan:
        """From RACE."""
        return cls(**numbers(text))


@dataclass(frozen=True)
class Race:
    """A log with spans, and what reads it. `wait_seconds`: until a trace is decided."""

    broker: str
    clickhouse: ClickHouse
    postgres_url: str
    wait_seconds: int
    binary: Path | None
    directory: Path
    runs: Iterator[int]

    def compare(self, plan: Plan, spans: int) -> None:
        """Decide all, in turn, and print the table."""
        table = Table(f"tail sampling of {spans:,} spans from Kafka, one core each", "spans")
        for _ in range(plan.rounds):
            if self.binary is not None:
                table.add("Collector, kept goes nowhere", self._decided_by_collector(self.binary, Tail(), spans))
                kept = Tail(KEPT_TOPIC)
                table.add("Collector, RED, kept to Kafka", self._decided_by_collector(self.binary, kept, spans))
            mine, both = self._decided_by_us(spans)
            table.add("ours, all of it, to ClickHouse", mine)
            table.add("the same with ClickHouse's CPU", both)
            with self._nothing_measured():
                table.add("ours, tail sampling alone", self._decided_by_us(spans)[0])
        table.show()

    def weigh(self, rounds: int, spans: int, size: int) -> None:
        """Have all wait, and print the memory that it takes."""
        found: dict[str, list[float]] = {}
        for _ in range(rounds):
            if self.binary is not None:
                with self._collector(self.binary, Tail()) as server:
                    found.setdefault("Collector", []).append(_held(server, spans, spans))
            with self.processor("sampling_waiting_bytes") as server:
                found.setdefault("ours", []).append(_held(server, spans, size))
        sys.stdout.write(f"\n{spans:,} spans of {size / spans:.0f} bytes wait: memory above that without any, a span\n")
        for name, each in found.items():
            sys.stdout.write(f"  {name:34} {statistics.median(each):8,.0f} bytes\n")

    def _decided_by_collector(self, binary: Path, tail: Tail, spans: int) -> Cost:
        with self._collector(binary, tail) as server:
            begun, before = time.monotonic(), server.cpu()
            server.until_done(spans)
            wall = time.monotonic() - begun
            time.sleep(WAIT_SECONDS + 1.0)  # by its clock the last ones wait until then
            server.settle()
            return Cost(spans, wall, server.cpu() - before)

    def _decided_by_us(self, spans: int) -> tuple[Cost, Cost]:
        """(the processor, and with ClickHouse)"""
        assert self.clickhouse.process is not None
        with self.processor("sampling_spans_total") as server:
            pid = self.clickhouse.process.pid
            begun, before, storing = time.monotonic(), server.cpu(), cpu_of(pid)
            server.until_done(spans)
            wall = time.monotonic() - begun
            server.settle()
            cpu = server.cpu() - before
            return Cost(spans, wall, cpu), Cost(spans, wall, cpu + cpu_of(pid) - storing)

    @contextmanager
    def _collector(self, binary: Path, tail: Tail) -> Iterator[Contestant]:
        with tail_collector(binary, tail, self.wait_seconds, self.broker, TOPIC, self.directory) as server:
            server.pin(SERVER_CORE)
            yield server

    @contextmanager
    def _nothing_measured(self) -> Iterator[None]:
        """No RED metrics and no service graph, for processors that start in here; no record of the log says so."""
        wanted = Change(TENANT, Kind.SPAN_METRICS, {"red": False, "service_graph": False})
        with postgres.connect(PostgresSettings(url=SecretStr(self.postgres_url))) as connection:
            (applied,) = RuleStore(connection).apply([wanted], "benchmark")
            parts = range(PARTITIONS)
            record(connection, [Effect(wanted.kind, TENANT, applied.version, TOPIC, part, 0) for part in parts])
            try:
                yield
            finally:
                connection.execute("DELETE FROM rule_effects WHERE kind = %s", (wanted.kind,))

    @contextmanager
    def processor(self, metric: str, **more: str) -> Iterator[Contestant]:
        """Ours, on a database and in a group of its own; see our_processor for `metric`. `more` environment."""
        run = f"run_{next(self.runs)}"
        fresh_database(self.clickhouse.url, run)
        environment = {
            "OTELHOUSE_LOG_URL": f"kafka://{self.broker}",
            "OTELHOUSE_LOG_PARTITIONS": str(PARTITIONS),
            "OTELHOUSE_POSTGRES_URL": self.postgres_url,
            "OTELHOUSE_CLICKHOUSE_URL": self.clickhouse.url,
            "OTELHOUSE_CLICKHOUSE_DATABASE": run,
            "OTELHOUSE_PROCESSOR_GROUP": run,
            **more,
        }
        with our_processor(environment, metric) as server:
            server.pin(SERVER_CORE)
            yield server


def _held(server: Contestant, spans: int, until: int) -> float:
    """Bytes a span, of memory that is there for spans that wait."""
    idle = server.resident()
    server.until_done(until)
    server.settle()
    return (server.resident() - idle) / spans


def _put_in_force(log_url: str, postgres_url: str, wait_seconds: int) -> None:
    """Our rule, from the log's beginning on."""
    log = open_log(LogSettings(url=log_url, partitions=PARTITIONS), SystemClock())
    admin = log.admin()
    admin.ensure_topic(TOPIC, PARTITIONS)
    admin.ensure_topic(KEPT_TOPIC, PARTITIONS)
    put_in_force(log, postgres_url, PARTITIONS, TENANT, tail_sampling(wait_seconds))
    admin.close()
    log.close()


def fill(broker: str, spans: int, rate: int) -> tuple[int, int]:
    """Put spans into the log at a steady pace, by which log time goes -> (spans, bytes)."""
    producer = Producer({"bootstrap.servers": broker, "acks": "all", "linger.ms": 5, "message.max.bytes": 1_000_000})
    put = size = 0
    begun = time.monotonic()
    for each in LogRecords(PARTITIONS, POOL_SPANS):
        producer.produce(TOPIC, each.value, partition=each.partition, headers=list(each.framing.headers()))
        put, size = put + each.framing.items, size + len(each.value)
        producer.poll(max(0.0, begun + put / rate - time.monotonic()))
        if put >= spans:
            break
    if producer.flush(60):
        raise RuntimeError("the log does not take spans")
    return put, size


@contextmanager
def race(clickhouse: ClickHouse, wait_seconds: int, binary: Path | None, runs: Iterator[int]) -> Iterator[Race]:
    with tempfile.TemporaryDirectory() as directory, embedded_server() as server, server.database() as url:
        migrate_postgres(url)
        broker = KafkaBroker(Path(directory) / "kafka")
        broker.start()
        try:
            _put_in_force(broker.url, url, wait_seconds)
            yield Race(broker.bootstrap, clickhouse, url, wait_seconds, binary, Path(directory), runs)
        finally:
            broker.kill()


def main() -> None:
    """Print a table, and what waiting spans take of memory."""
    plan = Plan.of(os.environ.get("RACE", ""))
    built = os.environ.get("COLLECTOR", "")
    if not built:
        sys.stdout.write("\nCOLLECTOR is not set: no race (benchmarks/collector/README.md)\n")
        if "RACE" not in os.environ:
            return
    cores = os.sched_getaffinity(0)
    if len(cores) <= SERVER_CORE:
        sys.stdout.write("two cores are needed\n")
        return
    binary, runs = Path(built) if built else None, count()
    os.sched_setaffinity(0, {OTHER_CORE})  # and all that is started from here on
    try:
        with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory)) as clickhouse:
            if plan.held:
                with race(clickhouse, LONG_WAIT_SECONDS, binary, runs) as found:
                    found.weigh(plan.rounds, *fill(found.broker, plan.held, plan.rate))
            if plan.spans:
                with race(clickhouse, WAIT_SECONDS, binary, runs) as found:
                    found.compare(plan, fill(found.broker, plan.spans, plan.rate)[0])
    finally:
        os.sched_setaffinity(0, cores)
