"""Our processor when spans come twice as fast as it can take them, with little memory: is an error lost?

First it is measured how fast it goes, on a core of its own; then the log is filled at twice that rate for a while, as
fast as that goes, and the processor runs meanwhile and until it has caught up. Environment: OVERLOAD, such as
`seconds=30 buffer=128 spans=1000000` (`buffer`: MiB that waiting traces may hold; `spans`: to measure the rate by).
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from benchmarks.collector.process import Contestant
from benchmarks.harness import numbers
from benchmarks.log_records import LogRecords
from benchmarks.sampling_race import OTHER_CORE, PARTITIONS, POOL_SPANS, SERVER_CORE, TOPIC, WAIT_SECONDS, fill, race
from otelhouse.clickhouse import connect
from schema.signal import Signal
from schema.wire import join, scan
from tests.processor.storage import settings_of
from tests.support.clickhouse import ClickHouse, start_clickhouse

_ERROR = 2
_DONE = "sampling_spans_total"


@dataclass
class Plan:
    """Seconds of overload, MiB for waiting traces, spans to measure the rate by."""

    seconds: int = 30
    buffer: int = 128
    spans: int = 1_000_000

    @classmethod
    def of(cls, text: str) -> Plan:
        """From OVERLOAD."""
        return cls(**numbers(text))


class Peak(threading.Thread):
    """The most memory that a contestant had."""

    def __init__(self, server: Contestant) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._server = server
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.bytes = max(self.bytes, self._server.resident())

    def end(self) -> None:
        """Look no longer."""
        self._over.set()
        self.join()


@dataclass(frozen=True)
class Sent:
    """What was put into the log, and how long that took."""

    spans: int
    errors: int
    seconds: float


def _overload(broker: str, rate: float, seconds: int) -> Sent:
    """Fill the log at a rate, or as fast as it goes."""
    producer = Producer({"bootstrap.servers": broker, "acks": "all", "linger.ms": 5, "message.max.bytes": 1_000_000,
                         "queue.buffering.max.kbytes": 1 << 18})  # fmt: skip
    records = LogRecords(PARTITIONS, POOL_SPANS)
    errors = cycle([_errors(each.value) for each in records.turn()])
    spans = found = 0
    begun = time.monotonic()
    for each, failed in zip(records, errors, strict=False):
        while True:
            try:
                producer.produce(TOPIC, each.value, partition=each.partition, headers=list(each.framing.headers()))
                break
            except BufferError:
                producer.poll(0.05)
        spans, found = spans + each.framing.items, found + failed
        producer.poll(max(0.0, begun + spans / rate - time.monotonic()))
        if spans >= rate * seconds:
            break
    if producer.flush(60):
        raise RuntimeError("the log does not take spans")
    return Sent(spans, found, time.monotonic() - begun)


def _errors(value: bytes) -> int:
    found = scan(Signal.TRACES, *join([value])).items["status.code"]
    return int(np.count_nonzero(found == _ERROR))


def _stored_errors(clickhouse: ClickHouse, run: str) -> int:
    with connect(settings_of(clickhouse.url, run)) as client:
        return int(client.query(f"SELECT count() FROM spans WHERE status = {_ERROR}").result_rows[0][0])


def _measure(plan: Plan, clickhouse: ClickHouse) -> None:
    runs = count()
    with race(clickhouse, WAIT_SECONDS, None, runs) as found:
        spans, _ = fill(found.broker, plan.spans, 1_000_000)
        with found.processor(_DONE) as server:
            server.until_done(spans // 4)
            begun, before = time.monotonic(), server.spans_done()
            server.until_done(spans // 4 * 3)
            rate = (server.spans_done() - before) / (time.monotonic() - begun)
    with race(clickhouse, WAIT_SECONDS, None, runs) as found:
        more = {"OTELHOUSE_PROCESSOR_BUFFER_BYTES": str(plan.buffer << 20)}
        with found.processor(_DONE, **more) as server:
            peak = Peak(server)
            peak.start()
            sent = _overload(found.broker, 2 * rate, plan.seconds)
            server.until_done(sent.spans)
            server.settle()
            peak.end()
            early = server.spans_done()
        kept = _stored_errors(clickhouse, f"run_{next(runs) - 1}")
    put = sent.spans / sent.seconds
    sys.stdout.write(
        f"\noverload: {sent.spans:,} spans at {put:,.0f} a second, {put / rate:.1f} times what it takes ({rate:,.0f})\n"
        f"  memory at most {peak.bytes / (1 << 20):,.0f} MiB; {early:,} spans decided\n"
        f"  spans with an error: {sent.errors:,} sent, {kept:,} stored, {sent.errors - kept:,} lost\n"
    )


def main() -> None:
    """Print what was sent, the most memory, and what became of the errors."""
    cores = os.sched_getaffinity(0)
    if len(cores) <= SERVER_CORE:
        sys.stdout.write("two cores are needed\n")
        return
    os.sched_setaffinity(0, {OTHER_CORE})
    try:
        with tempfile.TemporaryDirectory() as directory, start_clickhouse(Path(directory)) as clickhouse:
            _measure(Plan.of(os.environ.get("OVERLOAD", "")), clickhouse)
    finally:
        os.sched_setaffinity(0, cores)
