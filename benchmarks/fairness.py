"""What one tenant far above its limit costs the others.

Three tenants without limits send beside one that has a limit and keeps it, and then beside the same one at ten times
its limit, in turn in one run: their throughput when they send as fast as they are answered, and their latency when
they send at a steady pace. Clients of the flood, of the others, and ingest are processes of their own; the machine's
cores are shared by all of them, so what the flood's client itself costs is in these ratios too. It is not in that of
the others' calls for each CPU second of ingest, which says what is left for them where ingest's CPU is what limits.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized, SynchronizedArray

import psycopg

from benchmarks.harness import cpu_of
from benchmarks.payloads import traces
from otelhouse.keys import create_key
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.signal import Signal
from tests.support.components import start
from tests.support.postgres import embedded_server, migrate_postgres

SPANS_A_CALL = 64
LIMIT_CALLS = 50
"""Calls a second that the noisy tenant may make: its limit is that many times SPANS_A_CALL items."""
VICTIMS = ("one", "two", "three")
AT_ONCE = 4
"""Calls under way of each of the others, when they send as fast as they can."""
PACE = 40
"""Their calls a second, when they send at a pace."""
SECONDS = 1.0
ROUNDS = 8
SETTLE_SECONDS = 1.2


@dataclass
class Result:
    """Calls that were taken and refused, and the seconds of each call taken."""

    taken: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]


class Client:
    """Sends one tenant's calls on connections of its own; a call's bytes are written in one piece."""

    def __init__(self, address: str, key: str, bodies: list[bytes]) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        head = f"POST {Signal.TRACES.http_path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n"
        head += "content-type: application/x-protobuf\r\ncontent-length: "
        self._calls = itertools.cycle([head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies])
        self.result = Result()

    async def worker(self, until: float, pauses: float = 0.0, late: float = 0.0) -> None:
        """One call after the other until then; `pauses`: seconds from the begin of one to that of the next."""
        await asyncio.sleep(late)
        reader, writer = await asyncio.open_connection(self._host, self._port)
        due = time.monotonic()
        while (began := time.monotonic()) < until:
            writer.write(next(self._calls))
            try:
                status = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError):  # refused while it was still sending
                status = 0
                writer.close()
                reader, writer = await asyncio.open_connection(self._host, self._port)
            if status == 200:
                self.result.taken += 1
                self.result.seconds.append(time.monotonic() - began)
            else:
                self.result.refused += 1
            if pauses:
                due += pauses
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line[15:]))
    return int(head.split(b" ", 2)[1])


async def _paced(client: Client, seconds: float, calls_a_second: float, workers: int) -> None:
    until = time.monotonic() + seconds
    pauses = workers / calls_a_second
    await asyncio.gather(*(client.worker(until, pauses, late=n * pauses / workers) for n in range(workers)))


class Noise:
    """A tenant's client in a process of its own, at a rate that can be changed."""

    def __init__(self, address: str, key: str, bodies: list[bytes]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._rate = spawn.Value("d", 0.0)
        self._calls = spawn.Array("q", 2)
        shared = self._rate, self._calls
        self._process = spawn.Process(target=_noise, args=(address, key, bodies, *shared), daemon=True)
        self._process.start()

    def at(self, calls_a_second: float) -> None:
        """Send at this rate from now on; returns once a burst that was saved up is used."""
        self._rate.value = calls_a_second
        time.sleep(SETTLE_SECONDS)

    def counts(self) -> tuple[int, int]:
        """Calls taken and refused so far."""
        return self._calls[0], self._calls[1]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join()


def _noise(
    address: str, key: str, bodies: list[bytes], rate: Synchronized[float], calls: SynchronizedArray[int]
) -> None:
    async def send() -> None:
        client = Client(address, key, bodies)
        while True:
            if rate.value:
                await _paced(client, SETTLE_SECONDS / 3, rate.value, workers=8)
            else:
                await asyncio.sleep(SETTLE_SECONDS / 10)
            calls[0], calls[1] = client.result.taken, client.result.refused
            client.result.seconds.clear()

    asyncio.run(send())


def victims(address: str, keys: dict[str, str], bodies: list[bytes], pace: float) -> Result:
    """The others' calls for SECONDS, at a pace or (0) as fast as they are answered."""

    async def send() -> Result:
        clients = [Client(address, keys[name], bodies) for name in VICTIMS]
        if pace:
            await asyncio.gather(*(_paced(client, SECONDS, pace, AT_ONCE) for client in clients))
        else:
            until = time.monotonic() + SECONDS
            await asyncio.gather(*(client.worker(until) for client in clients for _ in range(AT_ONCE)))
        each = [client.result for client in clients]
        seconds = list(itertools.chain.from_iterable(result.seconds for result in each))
        return Result(sum(r.taken for r in each), sum(r.refused for r in each), seconds)

    return asyncio.run(send())


@contextmanager
def house() -> Iterator[tuple[str, dict[str, str], int]]:
    """Ingest with an embedded log and PostgreSQL: its OTLP/HTTP address, a key of each tenant, its process."""
    with embedded_server() as server, server.database() as url, tempfile.TemporaryDirectory() as directory:
        migrate_postgres(url)
        with psycopg.connect(url, autocommit=True) as connection:
            keys = {name: create_key(connection, name, create_tenant=True).key for name in (*VICTIMS, "noisy")}
            limit = {"traces": {"items_per_second": LIMIT_CALLS * SPANS_A_CALL, "burst_seconds": 1}}
            RuleStore(connection).apply([Change("noisy", Kind.LIMITS, limit)], "benchmark")
        flags = ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
        environment = {
            "OTELHOUSE_LOG_URL": f"embedded:{directory}/log",
            "OTELHOUSE_POSTGRES_URL": url,
            "OTELHOUSE_INGEST_DEGRADE": "false",
        }
        component = start(["ingest", *flags], environment, seconds=180)
        try:
            yield component.ready["otlp_http"], keys, component.process.pid
        finally:
            component.stop()


@dataclass
class Load:
    """What the noisy tenant does, and what the others have beside it, a round each."""

    name: str
    times_limit: float
    taken: int = 0
    refused: int = 0
    fast: list[Result] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    paced: list[Result] = field(default_factory=list)


def main() -> None:
    """Print medians, and of ratios within a round to that at once the limit."""
    bodies = traces(SPANS_A_CALL, 128 * SPANS_A_CALL)
    loads = [Load("at its limit", 0.9), Load("at 10x its limit", 10.0), Load("silent", 0.0)]
    with house() as (address, keys, pid):
        victims(address, keys, bodies, 0.0)  # first calls pay for what is loaded late
        noise = Noise(address, keys["noisy"], bodies)
        for _ in range(ROUNDS):
            for load in loads:
                noise.at(LIMIT_CALLS * load.times_limit)
                before = noise.counts()
                began = cpu_of(pid)
                load.fast.append(victims(address, keys, bodies, 0.0))
                load.cpu.append(cpu_of(pid) - began)
                load.paced.append(victims(address, keys, bodies, PACE))
                taken, refused = noise.counts()
                load.taken += taken - before[0]
                load.refused += refused - before[1]
        noise.close()
        each = {name: _cpu_of_calls(Client(address, keys[name], bodies), pid) for name in ("one", "noisy")}
    sys.stdout.write(f"\nthree tenants beside a noisy one ({SPANS_A_CALL} spans a call, limit {LIMIT_CALLS} calls/s)\n")
    heads = "calls/s", "of base", "per CPU s", "of base", "p50 ms", "of base", "p95 ms", "its calls", "refused"
    sys.stdout.write(f"  {'the noisy tenant is':20} " + " ".join(f"{head:>9}" for head in heads) + "\n")
    for load in loads:
        _show(load, loads[0])
    taken, refused = each["one"], each["noisy"]
    sys.stdout.write(
        f"  ingest's CPU: {taken:.0f} us for a call that is taken, {refused:.0f} us for one that is refused\n"
    )
    sys.stdout.flush()


def _per_cpu(result: Result, cpu: float) -> float:
    return result.taken / cpu


def _cpu_of_calls(client: Client, pid: int) -> float:
    """Microseconds of the process for each call, sent as fast as they are answered."""

    async def send() -> None:
        until = time.monotonic() + 3 * SECONDS
        await asyncio.gather(*(client.worker(until) for _ in range(4 * AT_ONCE)))

    began = cpu_of(pid)
    asyncio.run(send())
    return (cpu_of(pid) - began) * 1e6 / (client.result.taken + client.result.refused)


def _show(load: Load, base: Load) -> None:
    rate = statistics.median(result.taken / SECONDS for result in load.fast)
    per_cpu = statistics.median(map(_per_cpu, load.fast, load.cpu))
    of_cpu = per_cpu / statistics.median(map(_per_cpu, base.fast, base.cpu))
    p50 = statistics.median(result.p50 * 1000 for result in load.paced)
    p95 = statistics.median(result.p95 * 1000 for result in load.paced)
    of_rate = statistics.median(ours.taken / its.taken for ours, its in zip(load.fast, base.fast, strict=True))
    of_p50 = statistics.median(ours.p50 / its.p50 for ours, its in zip(load.paced, base.paced, strict=True))
    calls = load.taken + load.refused
    sys.stdout.write(f"  {load.name:20} {rate:9,.0f} {of_rate:8.2f}x {per_cpu:9,.0f} {of_cpu:8.2f}x")
    sys.stdout.write(f" {p50:9.2f} {of_p50:8.2f}x {p95:9.2f}")
    sys.stdout.write(f" {calls:9,} {load.refused:9,}\n")
    if any(result.refused for result in (*load.fast, *load.paced)):
        sys.stdout.write("  some of the others' calls were refused\n")
