"""One process, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.components import ComponentError
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.up import children

BODY = one_of(Signal.TRACES, "x").SerializeToString()
HEADERS = {"content-type": "application/x-protobuf"}


def test_it_is_one_process(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url) as ingest:
        assert children(ingest.process.process.pid) == {}


def slow_call(ingest: RunningIngest) -> socket.socket:
    """A call that is under way until its client sends the rest."""
    host, _, port = ingest.otlp_http.rpartition(":")
    made = socket.create_connection((host, int(port)), timeout=15)
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {HEADERS['content-type']}\r\n"
    made.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:5])
    time.sleep(0.3)
    return made


def test_a_second_signal_ends_it_at_once(tmp_path: Path, metadata_url: str) -> None:
    def start_and_signal_twice() -> None:
        with running_ingest(tmp_path, metadata_url) as ingest, slow_call(ingest):
            process = ingest.process.process
            os.kill(process.pid, signal.SIGTERM)
            time.sleep(0.3)
            began = time.monotonic()
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(5) == 143  # 128 + SIGTERM
            assert time.monotonic() - began < 1

    with pytest.raises(ComponentError, match="ended with 143"):
        start_and_signal_twice()


def test_a_drain_answers_what_is_under_way_and_sends_the_rest_elsewhere(tmp_path: Path, metadata_url: str) -> None:
    acknowledged: list[str] = []
    refused: list[httpx.Response] = []

    def send(number: int) -> None:
        with httpx.Client(base_url=f"http://{ingest.otlp_http}", headers=HEADERS, timeout=10) as client:
            for turn in range(10_000):
                name = f"drained-{number}-{turn}"
                try:
                    answer = client.post("/v1/traces", content=one_of(Signal.TRACES, name).SerializeToString())
                except httpx.TransportError:  # its connection was ended, and no new one is to be had
                    return
                if answer.status_code != 200:
                    refused.append(answer)
                    return
                acknowledged.append(name)

    with running_ingest(tmp_path, metadata_url) as ingest, slow_call(ingest) as slow:
        threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        os.kill(ingest.process.process.pid, signal.SIGTERM)
        for thread in threads:
            thread.join(15)
        with pytest.raises(httpx.TransportError):
            httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=BODY, headers=HEADERS)
        slow.sendall(BODY[5:])
        answer = slow.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert ingest.process.process.wait(10) == 0
        found = b"".join(record.value for record in ingest.records(Signal.TRACES))
    assert {(answer.status_code, answer.headers.get("retry-after")) for answer in refused} <= {(503, "1")}
    assert len(acknowledged) > 10
    assert [name for name in acknowledged if name.encode() not in found] == []
