"""Contestants of the races: a Collector, our ingest or our processor, on a core, with counters and all of its CPU."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.collector.configs import Tail, Variant, configuration, tail_configuration
from benchmarks.harness import cpu_of
from tests.support.components import start

START_SECONDS = 30.0
QUIET_SHARE = 0.03
"""A process that uses less of a core is idle; ours polls a little."""


@dataclass(frozen=True)
class Contestant:
    """A running server: where it tells its metrics, the metric of the spans that it is done with, and its gRPC address
    if it has one."""

    metrics: str
    done: re.Pattern[str]
    pid: int
    grpc: str = ""

    def spans_done(self) -> int:
        """By its own account."""
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            text = answer.read().decode()
        return round(sum(float(value) for value in self.done.findall(text)))

    def until_done(self, spans: int, seconds: float = 300.0) -> None:
        """Return when it is done with so many. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while (done := self.spans_done()) < spans:
            if time.monotonic() > until:
                raise TimeoutError(f"{done} of {spans} spans after {seconds} s")
            time.sleep(0.5)  # to be asked costs it CPU, too

    def resident(self) -> int:
        """Bytes of memory of the process."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """CPU seconds of the process and all below it."""
        return sum(cpu_of(pid) for pid in _family(self.pid))

    def pin(self, core: int) -> None:
        """Keep all its threads on this core; those it starts later inherit that."""
        for pid in _family(self.pid):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), {core})

    def settle(self, seconds: float = 60.0) -> None:
        """Return when it is idle."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = self.cpu()
            time.sleep(0.5)
            if self.cpu() - before < QUIET_SHARE * 0.5:
                return


@contextmanager
def collector(binary: Path, variant: Variant, broker: str, topic: str, directory: Path) -> Iterator[Contestant]:
    """A Collector that takes OTLP; it is done with what is in Kafka."""
    otlp, metrics = _free_port(), _free_port()
    text = configuration(variant, f"127.0.0.1:{otlp}", metrics, broker, topic)
    with _collector(binary, text, directory, otlp) as pid:
        yield Contestant(_metrics(metrics), _counter("exporter_sent_spans"), pid, f"127.0.0.1:{otlp}")


@contextmanager
def tail_collector(
    binary: Path, tail: Tail, wait_seconds: int, broker: str, topic: str, directory: Path
) -> Iterator[Contestant]:
    """A Collector that samples what it reads of a topic; it is done with what it has read."""
    metrics = _free_port()
    with _collector(binary, tail_configuration(tail, wait_seconds, metrics, broker, topic), directory, metrics) as pid:
        yield Contestant(_metrics(metrics), _counter("receiver_accepted_spans"), pid)


@contextmanager
def _collector(binary: Path, configuration: str, directory: Path, port: int) -> Iterator[int]:
    """On one core's worth of threads, once it listens on a port; yields its process id."""
    config = directory / "collector.yaml"
    config.write_text(configuration)
    with (directory / "collector.log").open("ab") as log:
        process = subprocess.Popen(
            [binary.resolve(), "--config", config], env={**os.environ, "GOMAXPROCS": "1"}, stdout=log, stderr=log
        )
    try:
        _wait_for(port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _metrics(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics"


def _counter(name: str) -> re.Pattern[str]:
    return re.compile(rf"^otelcol_{name}(?:__spans_)?(?:_total)?(?:\{{.*\}})? (\S+)$", re.MULTILINE)


@contextmanager
def ours(profile: str, broker: str, postgres_url: str) -> Iterator[Contestant]:
    """`otelhouse ingest`, done with what is in Kafka, with this masking profile for everyone; it sheds nothing."""
    component = start(
        ["ingest", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"],
        {
            "OTELHOUSE_LOG_URL": f"kafka://{broker}",
            "OTELHOUSE_LOG_COMPRESSION": "none",  # as the Collector, unless it is told otherwise
            "OTELHOUSE_POSTGRES_URL": postgres_url,
            "OTELHOUSE_MASKING_PROFILE": profile,
            "OTELHOUSE_INGEST_DEGRADE": "false",
        },
        seconds=120,
    )
    try:
        pattern = re.compile(r'^otelhouse_ingest_items_total\{.*outcome="published".*\} (\S+)$', re.MULTILINE)
        yield Contestant(
            f"http://{component.ready['otlp_http']}/metrics",
            pattern,
            component.process.pid,
            component.ready["otlp_grpc"],
        )
    finally:
        component.stop()


@contextmanager
def our_processor(environment: Mapping[str, str], metric: str) -> Iterator[Contestant]:
    """`otelhouse processor`; `metric`, without what all begin with, says what it is done with."""
    component = start(["processor"], {**environment, "OTELHOUSE_PROCESSOR_ADMIN": "127.0.0.1:0"}, seconds=120)
    try:
        pattern = re.compile(rf"^otelhouse_processor_{metric}(?:\{{.*\}})? (\S+)$", re.MULTILINE)
        yield Contestant(f"http://{component.ready['admin']}/metrics", pattern, component.process.pid)
    finally:
        component.stop()


def _family(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended
            children.setdefault(parent, []).append(int(entry.name))
    family, left = [], [pid]
    while left:
        family.append(left.pop())
        left += children.get(family[-1], [])
    return family


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
