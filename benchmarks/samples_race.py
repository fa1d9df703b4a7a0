"""Remote write into Prometheus, VictoriaMetrics and the all-in-one: the same bytes, CPU of all processes a sample.

Each runs alone, one after the other, and takes scrapes of all series in requests of 2,000 samples over two connections
until a query sees the last. CPU counts from the first request to then, of the process and its children; ours is
ingest, the embedded log, the processor, ClickHouse and the rest. TEST_PROMETHEUS and TEST_VICTORIAMETRICS name the
programs; without the second it is left out, without the first it is built by Go. RACE has settings, such as
`series=10000 scrapes=100 rounds=3`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Cost, Table, cpu_of, numbers
from otelhouse.clickhouse import connect
from tests.support.ports import free_port
from tests.support.prometheus import program
from tests.support.remote_write import V1, snappy, v1_series
from tests.support.up import children, clickhouse_of, start_up

PER_REQUEST, CONNECTIONS = 2_000, 2
STEP_MS = 15_000
PATIENCE = 120.0
_HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}


@dataclass
class Plan:
    """What to run."""

    series: int = 10_000
    scrapes: int = 100
    rounds: int = 3

    @classmethod
    def of(cls, text: str) -> Plan:
        """From RACE."""
        return cls(**numbers(text))


@dataclass(frozen=True)
class Server:
    """Who takes the requests: where, its processes by name, and how many series have a sample of a time in ms."""

    port: int
    processes: dict[str, int]
    seen: Callable[[int], int]


def main() -> None:
    """Print samples a CPU second, and what the last round has to say."""
    plan = Plan.of(os.environ.get("RACE", ""))
    contestants = {"Prometheus": _prometheus, "VictoriaMetrics": _victoria, "ours": _ours}
    if "TEST_VICTORIAMETRICS" not in os.environ:
        del contestants["VictoriaMetrics"]
    table, notes = Table(f"remote write, {plan.series:,} series", "sample"), {}
    last = int(time.time() * 1000) // STEP_MS * STEP_MS
    first = last - (plan.scrapes - 1) * STEP_MS
    for _ in range(plan.rounds):
        requests = list(_requests(plan, first))
        for name, starts in contestants.items():
            with tempfile.TemporaryDirectory() as directory, starts(Path(directory)) as server:
                cost, notes[name] = _race(server, plan, requests, last)
                table.add(name, cost)
    table.show()
    sys.stdout.write("  from the last answer to visible in the last round; us a sample by process\n")
    sys.stdout.writelines(f"  {name:34} {note}\n" for name, note in notes.items())


def _race(server: Server, plan: Plan, requests: list[list[bytes]], last: int) -> tuple[Cost, str]:
    """(cost, what is to be said of it: seconds from the last answer to visible, us a sample by process)"""
    before, began = _spent(server), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        for sent in [senders.submit(_send, server.port, bodies) for bodies in requests]:
            sent.result()
    answered = time.perf_counter()
    while server.seen(last) < plan.series:
        if time.perf_counter() > answered + PATIENCE:
            raise RuntimeError("what was answered is not visible")
        time.sleep(0.05)
    ended = time.perf_counter()
    spent = {name: cpu - before[name] for name, cpu in _spent(server).items()}
    samples = plan.series * plan.scrapes
    shown = ", ".join(f"{name} {cpu * 1e6 / samples:.2f}" for name, cpu in spent.items() if len(spent) > 1)
    return Cost(samples, ended - began, sum(spent.values())), f"{ended - answered:.1f} s; {shown}"


def _spent(server: Server) -> dict[str, float]:
    return {name: cpu_of(pid) for name, pid in server.processes.items()}


def _send(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        while True:
            connection.request("POST", "/api/v1/write", body, _HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in (429, 503):
                break
            time.sleep(0.05)
        if answer.status // 100 != 2:
            raise RuntimeError(f"refused: {answer.status} {text[:200]!r}")
    connection.close()


def _requests(plan: Plan, first: int) -> Iterator[list[bytes]]:
    """Bodies by connection, in the order of time: no series is in two connections."""
    rng = np.random.default_rng(1)
    groups = [_series(start, min(PER_REQUEST, plan.series - start)) for start in range(0, plan.series, PER_REQUEST)]
    values = rng.integers(0, 10**6, plan.series).astype(float)
    bodies: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for scrape in range(plan.scrapes):
        values += rng.poisson(20, plan.series)
        for number, (request, samples) in enumerate(groups):
            for sample, value in zip(samples, values[number * PER_REQUEST :].tolist(), strict=False):
                sample.value, sample.timestamp = value, first + scrape * STEP_MS
            bodies[number % CONNECTIONS].append(snappy(request.SerializeToString()))
    yield from bodies


def _series(start: int, count: int) -> tuple[Any, list[Any]]:
    request = V1["WriteRequest"]()
    samples: list[Any] = []
    for number in range(start, start + count):
        labels = {
            "__name__": "http_requests_total",
            "code": ("200", "404", "500")[number % 3],
            "handler": f"/api/v1/handler{number % 20}",
            "instance": f"10.0.{number // 20 // 250}.{number // 20 % 250}:9100",
            "job": f"job-{number % 10}",
            "method": ("GET", "POST")[number % 2],
        }
        samples.append(v1_series(request, labels).samples.add())
    return request, samples


@contextlib.contextmanager
def _ours(directory: Path) -> Iterator[Server]:
    up = start_up(directory)
    try:
        with contextlib.closing(connect(clickhouse_of(up.process.pid))) as client:
            count = "SELECT uniqExact(series) FROM samples WHERE time = fromUnixTimestamp64Milli({ms:Int64})"

            def seen(ms: int) -> int:
                return int(client.query(count, parameters={"ms": ms}).result_rows[0][0])

            processes = {"up": up.process.pid, **children(up.process.pid)}
            yield Server(_port(up.ready["otlp_http"]), processes, seen)
    finally:
        up.stop()


def _prometheus(directory: Path) -> AbstractContextManager[Server]:
    (directory / "prometheus.yml").write_text("{}")
    port = free_port()
    return _peer(
        port, str(program()), f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    )  # fmt: skip


def _victoria(directory: Path) -> AbstractContextManager[Server]:
    port = free_port()
    return _peer(
        port, os.environ["TEST_VICTORIAMETRICS"], f"-storageDataPath={directory / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=0s",
    )  # fmt: skip


@contextlib.contextmanager
def _peer(port: int, *command: str) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError, ValueError):
                _count(port, 0)
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not answer")
            time.sleep(0.1)
        yield Server(port, {"all": process.pid}, lambda ms: _count(port, ms))
    finally:
        process.terminate()
        process.wait(60)


def _count(port: int, ms: int) -> int:
    query = urllib.parse.urlencode({"query": "count(http_requests_total)", "time": f"{ms / 1000:.3f}", "nocache": 1})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=30) as answer:
        result = json.load(answer)["data"]["result"]
    return int(result[0]["value"][1]) if result else 0


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
