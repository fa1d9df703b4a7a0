"""The component as a whole: its port, its health, its end."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing, Producer
from otelhouse.clickhouse import connect
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings, LogSettings, ProcessorSettings, Settings
from otelhouse.errors import StartupError
from processor.main import run
from schema.record import Framing
from schema.signal import Signal
from tests.processor.storage import create_tables

LOG = ExportLogsServiceRequest(
    resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(body=AnyValue(string_value="hello"))])])]
).SerializeToString()
NOWHERE = ClickHouseSettings(url="http://127.0.0.1:9")


class Running:
    """The processor on a thread of this process."""

    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self._serving = threading.Event()
        self.address = ""
        arguments = (settings, SystemClock(), self._stop, self._note)
        self._thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._thread.start()
        assert self._serving.wait(10)

    def _note(self, addresses: Mapping[str, str]) -> None:
        self.address = addresses["admin"]
        self._serving.set()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def stop(self) -> float:
        started = time.monotonic()
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()
        return time.monotonic() - started


def settings_of(tmp_path: Path, clickhouse: ClickHouseSettings, admin: str = "127.0.0.1:0") -> Settings:
    return Settings(
        log=LogSettings(url=f"embedded:{tmp_path}", partitions=2),
        clickhouse=clickhouse,
        processor=ProcessorSettings(admin=admin, window_seconds=0.1),
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(settings_of(tmp_path, NOWHERE))
    yield running
    running.stop()


def eventually(found: object, wanted: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while (last := found() if callable(found) else found) != wanted:
        assert time.monotonic() < deadline, f"{last!r} is not {wanted!r}"
        time.sleep(0.05)


def publish_hello(producer: Producer) -> None:
    """Publish one log record, as soon as the processor has made the topics."""
    outgoing = Outgoing(Signal.LOGS.topic, 0, LOG, Framing("acme", 1, 0).headers())
    eventually(lambda: producer.publish([outgoing]).result(10), [0])


def test_a_busy_port_is_said_by_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartupError, match=f"processor.admin: cannot listen on {address}"):
            run(settings_of(tmp_path, NOWHERE, address), SystemClock(), threading.Event(), lambda _: None)


def test_it_starts_without_clickhouse_and_says_so(running: Running) -> None:
    assert running.get("/healthz")[0] == 200
    status, body = running.get("/readyz")
    assert status == 503
    assert list(json.loads(body)["failed"]) == ["clickhouse"]


def test_partitions_without_a_commit_are_opened_when_clickhouse_is_there(
    tmp_path: Path, clickhouse_settings: ClickHouseSettings
) -> None:
    running = Running(settings_of(tmp_path, NOWHERE))
    eventually(lambda: running.metric("otelhouse_processor_partitions_owned"), 0.0)
    assert running.stop() < 10
    running = Running(settings_of(tmp_path, clickhouse_settings))
    eventually(lambda: running.metric("otelhouse_processor_partitions_owned"), 6.0)
    assert running.stop() < 10


def test_it_stops_in_time_though_what_it_holds_cannot_be_stored(
    tmp_path: Path, clickhouse_settings: ClickHouseSettings
) -> None:
    running = Running(settings_of(tmp_path, clickhouse_settings))
    log = open_log(settings_of(tmp_path, clickhouse_settings).log, SystemClock())
    producer = log.producer()
    publish_hello(producer)
    eventually(lambda: running.metric("otelhouse_processor_retries_total") > 0, True)
    assert running.stop() < 10
    assert sum(log.admin().lag("otelhouse-processor").values()) > 0
    producer.close()
    log.close()


def test_what_waited_for_clickhouse_is_stored_when_it_is_there(
    tmp_path: Path, clickhouse_settings: ClickHouseSettings
) -> None:
    running = Running(settings_of(tmp_path, clickhouse_settings))
    log = open_log(settings_of(tmp_path, clickhouse_settings).log, SystemClock())
    producer = log.producer()
    publish_hello(producer)
    # Its database has no tables yet.
    eventually(lambda: running.metric("otelhouse_processor_retries_total") > 0, True)
    with connect(clickhouse_settings) as client:
        create_tables(client, clickhouse_settings.database)
        eventually(lambda: client.query("SELECT body FROM logs").result_rows, [("hello",)])
    eventually(lambda: sum(log.admin().lag("otelhouse-processor").values()), 0)
    eventually(lambda: running.metric("otelhouse_processor_lag_records"), 0.0)
    assert running.metric("otelhouse_processor_append_to_stored_seconds_count") >= 1
    assert running.stop() < 5
    producer.close()
    log.close()
