"""A log, ClickHouse and processors as real processes, for tests that kill them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing, Producer
from otelhouse.clickhouse import connect
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from otelhouse.rules.rule import Kind
from processor import dead_letter
from schema.record import Framing, Votes
from schema.signal import Signal
from tests.processor import requests
from tests.processor.oracle import points
from tests.processor.sampling.in_force import put_in_force
from tests.processor.storage import contents, fresh_database, settings_of
from tests.support.clickhouse import ClickHouse
from tests.support.components import Component, start

PARTITIONS = 2
WINDOW_SECONDS, WINDOW_ROWS = 0.3, 150
_SOURCE = (dead_letter.HEADER_TOPIC, dead_letter.HEADER_PARTITION, dead_letter.HEADER_OFFSET)


@dataclass
class Rig:
    """Where the parts are. A `run` is a consumer group with a database of its own name."""

    log_url: str
    clickhouse: ClickHouse
    data: Path
    postgres_url: str
    processors: list[Component] = field(default_factory=list)

    def log_settings(self) -> LogSettings:
        return LogSettings(url=self.log_url, partitions=PARTITIONS)

    def fresh_run(self, run: str) -> None:
        """Make the database of a run."""
        fresh_database(self.clickhouse.url, run)

    def start_processor(
        self, run: str, seconds: float = WINDOW_SECONDS, rows: int = WINDOW_ROWS, group: str = ""
    ) -> Component:
        """A processor of a run; as a member of another `group` it finds no commits."""
        environment = {**self._environment(run, seconds, rows), "OTELHOUSE_PROCESSOR_GROUP": group or run}
        processor = start(["processor"], environment)
        self.processors.append(processor)
        return processor

    def put_in_force(self, tenant: str, document: Mapping[str, Any], kind: Kind = Kind.SAMPLING) -> None:
        """A rule of a tenant, from here on in each partition of the topic that it is about."""
        log = open_log(self.log_settings(), SystemClock())
        put_in_force(log, self.postgres_url, PARTITIONS, tenant, document, kind)
        log.close()

    def _environment(self, run: str, seconds: float, rows: int) -> Mapping[str, str]:
        return {
            "OTELHOUSE_DATA": str(self.data),
            "OTELHOUSE_LOG_URL": self.log_url,
            "OTELHOUSE_LOG_PARTITIONS": str(PARTITIONS),
            "OTELHOUSE_POSTGRES_URL": self.postgres_url,
            "OTELHOUSE_CLICKHOUSE_URL": self.clickhouse.url,
            "OTELHOUSE_CLICKHOUSE_DATABASE": run,
            "OTELHOUSE_PROCESSOR_ADMIN": "127.0.0.1:0",
            "OTELHOUSE_PROCESSOR_WINDOW_SECONDS": str(seconds),
            "OTELHOUSE_PROCESSOR_EDGE_SECONDS": "0.5",
            "OTELHOUSE_PROCESSOR_WINDOW_ROWS": str(rows),
        }

    def lag(self, run: str) -> int:
        """Records that a run has not stored."""
        log = open_log(self.log_settings(), SystemClock())
        admin = log.admin()
        try:
            lags = admin.lag(run)
            # A partition that the group has never committed is behind by all it holds.
            return sum(lags.values()) + (len(Signal) * PARTITIONS - len(lags))
        finally:
            admin.close()
            log.close()

    def until_stored(self, run: str, patience: float = 30.0) -> None:
        """Wait until a run has stored and committed all that the log holds; it must go on, however slowly.

        What recording rules look back at counts as behind, until they look back no longer.
        """
        before, deadline = self.lag(run), time.monotonic() + patience
        while (lag := self.lag(run)) > 0:
            if lag < before:  # it grows, too: by ticks, and when a partition is first committed
                deadline = time.monotonic() + patience
            before = lag
            if time.monotonic() > deadline:
                raise AssertionError(f"{run} stays {lag} records behind for {patience} s:\n{self.said()[-8000:]}")
            time.sleep(0.1)

    def dead_letters(self) -> int:
        """Distinct records that lie in the dead-letter topic; a replay buries the same ones again."""
        log = open_log(self.log_settings(), SystemClock())
        consumer = log.consumer("undertaker")
        consumer.subscribe([dead_letter.TOPIC], lambda _: None, lambda _: None)
        found, silent = set(), 0
        while silent < 5:
            records = consumer.poll(0.1)
            silent = 0 if records else silent + 1
            for record in records:
                said = dict(record.headers)
                assert said[dead_letter.HEADER_REASON]
                found.add(tuple(said[name] for name in _SOURCE))
        consumer.close()
        log.close()
        return len(found)

    def tables(self, run: str, names: tuple[str, ...], without: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """All rows of a run, by table, `without` some columns."""
        with connect(settings_of(self.clickhouse.url, run)) as client:
            return {name: contents(client, name, without) for name in names}

    def said(self) -> str:
        """The last lines of the processors' logs."""
        return "".join(line for processor in self.processors for line in processor.log[-15:])

    def close(self) -> None:
        """End all processors."""
        for processor in self.processors:
            if processor.process.poll() is None:
                processor.kill()
            for pipe in (processor.process.stdout, processor.process.stderr):
                if pipe is not None:
                    pipe.close()


class Writer(threading.Thread):
    """Publishes random requests of all signals until told to finish, `batches` at most.

    `acknowledged` records were taken by the log; `poison` of them are malformed.
    """

    def __init__(self, log_settings: LogSettings, seed: int, pause: float, batches: int) -> None:
        super().__init__(daemon=True)
        self._rng = random.Random(seed)
        self._pause = pause
        self._batches = batches
        self._finish = threading.Event()
        self._log = open_log(log_settings, SystemClock())
        self._traces = [self._rng.randbytes(16) for _ in range(30)]
        self._past: list[bytes] = []
        self.acknowledged = 0
        self.poison = 0

    def run(self) -> None:
        producer = self._log.producer()
        try:
            for _ in range(self._batches):
                self._write(producer)
                if self._finish.wait(self._pause * 2 * self._rng.random()):
                    return
        finally:
            producer.close()
            self._log.close()

    def finish(self) -> None:
        """Stop writing and wait."""
        self._finish.set()
        self.join(20)

    def _write(self, producer: Producer) -> None:
        batch = [self._record() for _ in range(self._rng.randint(1, 12))]
        results = producer.publish(batch).result(30)
        self.acknowledged += sum(isinstance(result, int) for result in results)

    def _record(self) -> Outgoing:
        if self._rng.random() < 0.08:
            return self._votes()
        rng, signal = self._rng, self._rng.choice(list(Signal))
        framing = Framing(rng.choice(("acme", "blue")), 1 + rng.randrange(5), 0, rng.choice((0, 0, 2)))
        request = requests.request(signal, rng, rng.randint(1, 4))
        if isinstance(request, ExportTraceServiceRequest) and rng.random() < 0.7:
            self._continue(request)
        if isinstance(request, ExportMetricsServiceRequest):
            self._add_load(request)
            if rng.random() < 0.5:
                self._replicate(request)
        value = request.SerializeToString()
        headers = framing.headers()
        if rng.random() < 0.02:
            self.poison += 1
            value, headers = (value[:-1], headers) if rng.random() < 0.5 else (value, headers[1:])
        return Outgoing(signal.topic, rng.randrange(PARTITIONS), value, headers)

    def _replicate(self, request: ExportMetricsServiceRequest) -> None:
        """As one of two servers of a cluster sends it."""
        cluster, replica = self._rng.choice("pq"), self._rng.choice("ab")
        for _, _, _, point in points(request):
            point.attributes.add(key="cluster").value.string_value = cluster
            point.attributes.add(key="__replica__").value.string_value = replica

    def _add_load(self, request: ExportMetricsServiceRequest) -> None:
        """Samples of about now, some late."""
        metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="load")
        for _ in range(self._rng.randint(1, 5)):
            age = self._rng.choice((0.0, 0.2, 1.0, 4.0))
            point = metric.gauge.data_points.add(as_double=self._rng.random() * 1e3)
            point.time_unix_nano = int((time.time() - age) * 1000) * 1_000_000
            point.attributes.add(key="i").value.string_value = self._rng.choice("abcdefgh")

    def _votes(self) -> Outgoing:
        """For traces that are under way, and for some that were."""
        ids = self._rng.sample([*self._traces, *self._past], 5)
        votes = Votes("acme", b"".join(dict.fromkeys(ids)))
        return Outgoing(Signal.TRACES.topic, self._rng.randrange(PARTITIONS), b"", votes.headers())

    def _continue(self, request: ExportTraceServiceRequest) -> None:
        """Have its spans belong to traces that are under way, and some come a second time."""
        rng = self._rng
        for group in request.resource_spans:
            for scope in group.scope_spans:
                for span in scope.spans:
                    span.trace_id = rng.choice(self._traces)
                    place = rng.randrange(len(self._traces))
                    self._past = [*self._past, self._traces[place]][-60:]
                    self._traces[place] = rng.choice((span.trace_id, rng.randbytes(16)))
                if rng.random() < 0.3:
                    scope.spans.append(scope.spans[0])
