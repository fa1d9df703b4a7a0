"""h2spec, the conformance suite for HTTP/2 servers, against ingest's front. Needs Go, which builds it once."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from ingest.exchange import Disconnected, Exchange
from ingest.front.server import Server
from otelhouse.clock import SystemClock
from otelhouse.config import IngestSettings
from tests.support.go import program

_MODULE, _PACKAGE = "github.com/summerwind/h2spec v2.2.1+incompatible", "github.com/summerwind/h2spec/cmd/h2spec"
_CASES = 146
DIFFERENT = {
    # Bytes that are no preface are taken for HTTP/1.1, which the same port speaks, and answered with 400.
    "Sends invalid connection preface",
}


async def answer(exchange: Exchange) -> None:
    """Only when the whole request is there: else some cases would look for what comes after it too late."""
    try:
        while not exchange.complete:
            await exchange.read()
    except Disconnected:
        return
    exchange.answer(200, (), b"an answer of more than a few bytes")


@contextmanager
def serving() -> Iterator[str]:
    """The front; its port."""
    server = Server(IngestSettings(otlp_grpc="127.0.0.1:0", otlp_http="127.0.0.1:0"), SystemClock())
    ready, stop, ports = threading.Event(), threading.Event(), []

    async def serve() -> None:
        addresses = await server.serve(answer)
        ports.append(addresses["otlp_grpc"].rpartition(":")[2])
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.drain(1.0)

    thread = threading.Thread(target=uvloop.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield ports[0]
    finally:
        stop.set()
        thread.join()
        server.close()


@pytest.mark.slow
@pytest.mark.timeout(1900)
def test_every_case_passes_but_those_that_are_explained(tmp_path: Path) -> None:
    suite = program("h2spec", _MODULE, _PACKAGE)
    report = tmp_path / "report.xml"
    with serving() as port:
        command = [suite, "-h", "127.0.0.1", "-p", port, "-S", "-j", report]
        subprocess.run(command, capture_output=True, timeout=300, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert len(cases) >= _CASES
    assert {case.get("classname") for case in cases if case.find("error") is not None} == DIFFERENT
