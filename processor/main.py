"""The processor: log -> ClickHouse.

consumer -> Assignment (windows) -> Worker: Builder (rows) -> DeadLetters, Sink (ClickHouse) -> commit
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from otelhouse import clickhouse
from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, LogError
from otelhouse.clock import Clock
from otelhouse.config import Settings
from otelhouse.health import Readiness
from otelhouse.telemetry import get_logger
from processor import dead_letter
from processor.admin import Admin
from processor.dead_letter import DeadLetters
from processor.driver import Driver
from processor.metrics_rows.opening import MetricsStates
from processor.rules import RECORDING, SAMPLING, SERIES, SPAN_METRICS, StoredRules
from processor.sink import Sink
from processor.stored import LookUp
from processor.ticks import Ticker
from processor.traces.opening import TracesStates
from processor.window import Limits
from processor.worker import Opener, Worker
from schema.clickhouse_ddl import Layout
from schema.signal import Signal

_log = get_logger(__name__)

# One waits for ClickHouse while the other makes rows.
_WORKERS = 2
_LOG_RETRY_SECONDS = 0.5
# The driver's thread waits for it, once a partition, and must go on polling.
_LOOK_UP_SECONDS = 5


class PartitionsStopped(Exception):
    """For /readyz: partitions that a fault has stopped."""


def run(settings: Settings, clock: Clock, stop: threading.Event, ready: Callable[[Mapping[str, str]], None]) -> None:
    """Process until `stop` is set; then store what is complete, commit and return. Raises StartupError."""
    readiness = Readiness()
    admin = Admin(settings.processor.admin, readiness)
    log = open_log(settings.log, clock)
    readiness.add("log", log.check)
    readiness.add("clickhouse", lambda: clickhouse.check(settings.clickhouse))
    ready({"admin": admin.start()})
    try:
        if _ensure_topics(log, settings, stop):
            _process(log, settings, clock, stop, readiness)
    finally:
        log.close()
        admin.stop()


def _ensure_topics(log: Log, settings: Settings, stop: threading.Event) -> bool:
    """Make the topics that we read and write; false if we were stopped before the log could be reached."""
    topics = [*(signal.topic for signal in Signal), dead_letter.TOPIC]
    admin = log.admin()
    try:
        while not stop.is_set():
            try:
                for topic in topics:
                    admin.ensure_topic(topic, settings.log.partitions)
                return True
            except LogError as error:
                _log.warning("the log cannot be reached; trying again", reason=str(error))
                stop.wait(_LOG_RETRY_SECONDS)
        return False
    finally:
        admin.close()


def _process(log: Log, settings: Settings, clock: Clock, stop: threading.Event, readiness: Readiness) -> None:
    producer, reader = log.producer(), log.reader()
    layout = Layout(settings.clickhouse.database, settings.clickhouse.cluster)
    workers: list[Worker] = []
    limits = {signal.topic: Limits.of(signal, settings.processor, settings.log.partitions) for signal in Signal}
    stored = partial(StoredRules, settings.postgres)
    connect = partial(clickhouse.connect, settings.clickhouse, connections=1)
    states: Mapping[str, Opener] = {
        Signal.TRACES.topic: TracesStates(stored(SAMPLING), stored(SPAN_METRICS), connect, reader),
        Signal.METRICS.topic: MetricsStates(stored(SERIES), stored(RECORDING), connect),
    }
    look_up = LookUp(lambda: clickhouse.connect(settings.clickhouse, connections=1, send_seconds=_LOOK_UP_SECONDS))
    driver = Driver(log.consumer(settings.processor.group), workers, Ticker(producer, clock), clock, look_up, limits)
    readiness.add("partitions", lambda: _check_partitions(driver))
    building = threading.Lock()
    for number in range(_WORKERS):
        sink = Sink(connect, layout, clock)
        letters = DeadLetters(producer)
        workers.append(Worker(f"worker-{number}", sink, letters, states, clock, building, driver.outcomes.put))
    for worker in workers:
        worker.start()
    driver.subscribe()
    try:
        while not stop.is_set():
            _step(driver, stop)
    finally:
        driver.close()
        for worker in workers:
            worker.finish()
        producer.close()
        reader.close()


def _step(driver: Driver, stop: threading.Event) -> None:
    try:
        driver.step()
    except LogError as error:
        _log.warning("the log does not answer; trying again", reason=str(error))
        stop.wait(_LOG_RETRY_SECONDS)


def _check_partitions(driver: Driver) -> None:
    if stopped := driver.stopped:
        raise PartitionsStopped("; ".join(f"{name} stopped: {fault}" for name, fault in sorted(stopped.items())))
