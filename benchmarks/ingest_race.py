"""Our ingest against a Collector, on one core each, into the same Kafka: spans per CPU second.

See benchmarks/collector/README.md for what is compared and how to build the Collector. Environment:
COLLECTOR, the built Collector; RACE, rows and settings such as `masked-512,plain-8 rounds=5 seconds=10` (with it
alone only ours runs).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.collector.configs import Variant
from benchmarks.collector.process import Contestant, collector, ours
from benchmarks.harness import Cost, Table
from benchmarks.load import write_pool
from benchmarks.payloads import traces
from schema.signal import Signal
from tests.support.kafka import KafkaBroker
from tests.support.postgres import embedded_server, migrate_postgres

PARTITIONS = 4
POOL_SPANS = 32_768
WARM_SECONDS = 2.0
LOAD_CORE, SERVER_CORE = 0, 1


@dataclass(frozen=True)
class Row:
    """Spans a call, the Collector's variant and our masking profile."""

    spans: int
    variant: Variant
    profile: str


ROWS = {
    "keyed-512": Row(512, Variant(keyed=True), "off"),
    "plain-512": Row(512, Variant(), "off"),
    "masked-512": Row(512, Variant("full"), "all"),
    "lean-512": Row(512, Variant("lean"), "all"),
    "masked-8": Row(8, Variant("full"), "all"),
    "plain-8": Row(8, Variant(), "off"),
}


@dataclass
class Plan:
    """What to run: names of rows, how often, how long."""

    rows: list[str]
    rounds: int = 3
    seconds: float = 8.0

    @classmethod
    def of(cls, text: str) -> Plan:
        """From RACE. Raises ValueError for a row that there is not."""
        plan = cls(list(ROWS))
        for word in text.split():
            name, _, value = word.partition("=")
            if name == "rounds":
                plan.rounds = int(value)
            elif name == "seconds":
                plan.seconds = float(value)
            else:
                plan.rows = word.split(",")
        if unknown := set(plan.rows) - set(ROWS):
            raise ValueError(f"no such row: {', '.join(sorted(unknown))}")
        return plan


class Race:
    """The broker, the metadata store, the pools of requests, and one run of one contestant."""

    def __init__(self, broker: str, postgres_url: str, binary: Path | None, directory: Path) -> None:
        self._broker = broker
        self._postgres_url = postgres_url
        self._binary = binary
        self._directory = directory

    def run(self, name: str, plan: Plan) -> None:
        """Print a row's table."""
        row = ROWS[name]
        table = Table(f"{name}: spans per CPU second, one core each, Kafka with acks=all", "spans")
        for _ in range(plan.rounds):
            if self._binary is not None:
                with self._topic() as topic:
                    peer = collector(self._binary, row.variant, self._broker, topic, self._directory)
                    table.add("Collector", self._measure(peer, row.spans, plan.seconds))
            mine = ours(row.profile, self._broker, self._postgres_url)
            table.add("ours", self._measure(mine, row.spans, plan.seconds))
        table.show()

    def _measure(self, contestant: AbstractContextManager[Contestant], spans: int, seconds: float) -> Cost:
        with contestant as server:
            server.pin(SERVER_CORE)
            self._load(server, spans, WARM_SECONDS)
            server.settle()
            cpu, written = server.cpu(), server.spans_done()
            wall = self._load(server, spans, seconds)
            server.settle()
            return Cost(server.spans_done() - written, wall, server.cpu() - cpu)

    def _load(self, server: Contestant, spans: int, seconds: float) -> float:
        """Seconds it took."""
        command = [sys.executable, "-m", "benchmarks.load", server.grpc, str(self._pool(spans)), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        os.sched_setaffinity(process.pid, {LOAD_CORE})
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError("the load ended early")
        return float(json.loads(out)["wall"])

    def _pool(self, spans: int) -> Path:
        path = self._directory / f"pool-{spans}"
        if not path.exists():
            write_pool(path, traces(spans, POOL_SPANS, personal=True))
        return path

    @contextmanager
    def _topic(self) -> Iterator[str]:
        admin = AdminClient({"bootstrap.servers": self._broker, "log_level": 0})
        topic = f"race-{time.monotonic_ns()}"
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result()
        try:
            yield topic
        finally:
            admin.delete_topics([topic])[topic].result()


def main() -> None:
    """Print a table a row; the Collector is the floor that ours is compared to."""
    plan = Plan.of(os.environ.get("RACE", ""))
    built = os.environ.get("COLLECTOR", "")
    if not built:
        sys.stdout.write("\nCOLLECTOR is not set: no race (benchmarks/collector/README.md)\n")
        if "RACE" not in os.environ:
            return
    if len(os.sched_getaffinity(0)) <= SERVER_CORE:
        sys.stdout.write("two cores are needed\n")
        return
    with tempfile.TemporaryDirectory() as directory, embedded_server() as postgres, postgres.database() as url:
        migrate_postgres(url)
        broker = KafkaBroker(Path(directory) / "kafka")
        broker.start()
        try:
            admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
            admin.create_topics([NewTopic(Signal.TRACES.topic, PARTITIONS, 1)])[Signal.TRACES.topic].result()
            race = Race(broker.bootstrap, url, Path(built) if built else None, Path(directory))
            for name in plan.rows:
                race.run(name, plan)
        finally:
            broker.kill()
