"""Spans and data points through ingest, beside gRPC servers that do nothing with the same bytes.

The clients run in this process, the servers under test in processes of their own; only the servers' CPU is counted.
Ingest acknowledges when the embedded log has fsynced; the empty handlers acknowledge at once.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection

import grpc
from grpc import aio

from benchmarks.harness import Table, in_turn, measure
from benchmarks.payloads import metrics, traces
from schema.signal import Signal
from tests.support.components import start
from tests.support.postgres import embedded_server, migrate_postgres

LOADS = (
    (Signal.TRACES, traces, "spans", 8, 40_000),
    (Signal.TRACES, traces, "spans", 512, 200_000),
    (Signal.METRICS, metrics, "points", 2_000, 1_000_000),
)
"""Signal, its payloads, what its items are called, items a call, items a run."""
CHANNELS = 4
CALLS_AT_ONCE = 64
ROUNDS = 3


@dataclass(frozen=True)
class Server:
    """A server under test: where it listens for gRPC and perhaps HTTP, and the process whose CPU counts."""

    grpc: str
    pid: int
    http: str = ""


class _Empty(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    """Takes any call and answers nothing."""

    def __init__(self, handler: grpc.RpcMethodHandler) -> None:
        self._handler = handler

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._handler


def _serve_sync(pipe: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((_Empty(grpc.unary_unary_rpc_method_handler(lambda body, context: b"")),))
    pipe.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


def _serve_aio(pipe: Connection) -> None:
    async def answer(body: bytes, context: object) -> bytes:
        return b""

    async def serve() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers((_Empty(grpc.unary_unary_rpc_method_handler(answer)),))
        pipe.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


@contextmanager
def empty_handler(flavour: str) -> Iterator[Server]:
    """A grpcio server, `sync` or `aio`, whose handler does nothing."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target={"sync": _serve_sync, "aio": _serve_aio}[flavour], args=(theirs,), daemon=True)
    process.start()
    try:
        yield Server(f"127.0.0.1:{ours.recv()}", process.pid or 0)
    finally:
        process.terminate()
        process.join()


@contextmanager
def ingest() -> Iterator[Server]:
    """`otelhouse ingest` on an embedded log."""
    with tempfile.TemporaryDirectory() as directory, embedded_server() as postgres:
        migrate_postgres(postgres.url)
        flags = ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
        stores = {"OTELHOUSE_LOG_URL": f"embedded:{directory}/log", "OTELHOUSE_POSTGRES_URL": postgres.url}
        stores["OTELHOUSE_INGEST_DEGRADE"] = "false"
        component = start(["ingest", *flags], stores)
        try:
            yield Server(component.ready["otlp_grpc"], component.process.pid, component.ready["otlp_http"])
        finally:
            component.stop()


async def _post(address: str, signal: Signal, bodies: list[bytes]) -> None:
    """The same by HTTP, on a connection for each call under way; raises RuntimeError if one is refused."""
    host, port = address.split(":")
    head = f"POST {signal.http_path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-protobuf\r\n"
    left = iter(bodies)

    async def post_some() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for body in left:
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer)
        writer.close()

    await asyncio.gather(*(post_some() for _ in range(CALLS_AT_ONCE)))


async def _send(address: str, signal: Signal, bodies: list[bytes]) -> None:
    """All bodies, CALLS_AT_ONCE at a time; raises grpc.RpcError if one is refused."""
    left = iter(bodies)
    channels = [aio.insecure_channel(address, (("otelhouse.n", n),)) for n in range(CHANNELS)]

    async def send_some(number: int) -> None:
        export = channels[number % CHANNELS].unary_unary(signal.grpc_method)
        for body in left:
            await export(body)

    await asyncio.gather(*map(send_some, range(CALLS_AT_ONCE)))
    for channel in channels:
        await channel.close()


def _by_grpc(server: Server, signal: Signal, bodies: list[bytes]) -> None:
    asyncio.run(_send(server.grpc, signal, bodies))


def _by_http(server: Server, signal: Signal, bodies: list[bytes]) -> None:
    asyncio.run(_post(server.http, signal, bodies))


def main() -> None:
    """Print a table a load."""
    with empty_handler("sync") as sync, empty_handler("aio") as empty, ingest() as ours:
        contestants = {
            "grpcio sync, empty handler": (sync, _by_grpc),
            "grpcio aio, empty handler": (empty, _by_grpc),
            "ingest by gRPC, embedded log": (ours, _by_grpc),
            "ingest by HTTP, embedded log": (ours, _by_http),
        }
        for signal, payloads, unit, per_call, total in LOADS:
            bodies = payloads(per_call, total)
            _by_grpc(ours, signal, bodies[:64])  # first calls pay for what is loaded late
            table = Table(f"{unit} through ingest, {per_call} a call, {CALLS_AT_ONCE} calls at once", unit)
            with in_turn(table, ROUNDS) as rounds:
                for _ in rounds:
                    for name, (server, send) in contestants.items():
                        table.add(
                            name, measure(len(bodies) * per_call, partial(send, server, signal, bodies), [server.pid])
                        )
