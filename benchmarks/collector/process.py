"""Contestants of the race: a Collector or our ingest, pinned to a core, with its counters and the CPU of all of it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.collector.configs import Variant, configuration
from benchmarks.harness import cpu_of
from tests.support.components import start

START_SECONDS = 30.0
QUIET_SHARE = 0.03
"""A process that uses less of a core is idle; ours polls a little."""


@dataclass(frozen=True)
class Contestant:
    """A running server: its gRPC address, where it tells its metrics, and the metric of the spans it has written."""

    grpc: str
    metrics: str
    written: re.Pattern[str]
    pid: int

    def spans_written(self) -> int:
        """Spans that are in Kafka, by its own account."""
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            text = answer.read().decode()
        return round(sum(float(value) for value in self.written.findall(text)))

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
    """A Collector on one core's worth of threads."""
    otlp, metrics = _free_port(), _free_port()
    config = directory / "collector.yaml"
    config.write_text(configuration(variant, f"127.0.0.1:{otlp}", metrics, broker, topic))
    with (directory / "collector.log").open("ab") as log:
        process = subprocess.Popen(
            [binary.resolve(), "--config", config], env={**os.environ, "GOMAXPROCS": "1"}, stdout=log, stderr=log
        )
    try:
        _wait_for(otlp)
        pattern = re.compile(r"^otelcol_exporter_sent_spans(?:__spans_)?(?:_total)?(?:\{.*\})? (\S+)$", re.MULTILINE)
        yield Contestant(f"127.0.0.1:{otlp}", f"http://127.0.0.1:{metrics}/metrics", pattern, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def ours(profile: str, broker: str, postgres_url: str) -> Iterator[Contestant]:
    """`otelhouse ingest` with this masking profile for everyone; it sheds nothing."""
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
            component.ready["otlp_grpc"],
            f"http://{component.ready['otlp_http']}/metrics",
            pattern,
            component.process.pid,
        )
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
