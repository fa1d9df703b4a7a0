"""One process, which leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.components import Component, ComponentError
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.up import children

BODY = one_of(Signal.TRACES, "x").SerializeToString()
HEADERS = {"content-type": "application/x-protobuf"}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that processes started now take for temporary files."""
    directory = tmp_path / "t"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield directory
    tempfile.tempdir = None


def left(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir() if path.name.startswith("otelhouse")]


def test_it_is_one_process_whose_administration_is_its_users_alone(
    tmp_path: Path, metadata_url: str, temporary: Path
) -> None:
    with running_ingest(tmp_path, metadata_url) as ingest:
        assert children(ingest.process.process.pid) == {}
        (private,) = (temporary / name for name in left(temporary))
        assert private.stat().st_mode & 0o777 == 0o700
        listening = Path(f"/proc/{ingest.process.process.pid}/net/tcp").read_text().splitlines()[1:]
        ours = [line for line in listening if line.split()[3] == "0A"]
        ports = {int(line.split()[1].partition(":")[2], 16) for line in ours}
        assert {int(a.rpartition(":")[2]) for a in (ingest.otlp_grpc, ingest.otlp_http)} <= ports
    assert left(temporary) == []


def test_what_a_killed_process_left_goes_at_the_next_start(tmp_path: Path, metadata_url: str, temporary: Path) -> None:
    def start_and_kill() -> Component:
        with running_ingest(tmp_path, metadata_url) as ingest:
            ingest.process.kill()
            return ingest.process

    with pytest.raises(ComponentError, match="ended with -9"):
        start_and_kill()
    (old,) = left(temporary)
    with running_ingest(tmp_path, metadata_url) as ingest, running_ingest(tmp_path / "second", metadata_url):
        assert old not in left(temporary)
        assert len(left(temporary)) == 2
        assert httpx.get(f"http://{ingest.otlp_http}/healthz").status_code == 200
    assert left(temporary) == []


def slow_call(ingest: RunningIngest) -> socket.socket:
    """A call that is under way until its client sends the rest."""
    host, _, port = ingest.otlp_http.rpartition(":")
    made = socket.create_connection((host, int(port)), timeout=15)
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {HEADERS['content-type']}\r\n"
    made.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:5])
    time.sleep(0.3)
    return made


def test_a_call_under_way_is_answered_while_no_new_one_is_let_in(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url) as ingest, slow_call(ingest) as slow:
        os.kill(ingest.process.process.pid, signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(httpx.TransportError):
            httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=BODY, headers=HEADERS)
        slow.sendall(BODY[5:])
        answer = slow.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert ingest.process.process.wait(5) == 0


def test_calls_on_connections_that_stay_are_told_to_go_elsewhere(tmp_path: Path, metadata_url: str) -> None:
    with (
        running_ingest(tmp_path, metadata_url) as ingest,
        httpx.Client(base_url=f"http://{ingest.otlp_http}", headers=HEADERS, timeout=10) as kept,
        slow_call(ingest) as slow,
    ):
        assert kept.post("/v1/traces", content=BODY).status_code == 200
        os.kill(ingest.process.process.pid, signal.SIGTERM)
        time.sleep(0.5)
        refused = kept.post("/v1/traces", content=BODY)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        slow.sendall(BODY[5:])
        assert slow.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert ingest.process.process.wait(10) == 0


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


def test_no_answer_is_lost_that_a_client_had_read_by_the_end(tmp_path: Path, metadata_url: str) -> None:
    acknowledged: list[int] = []

    def send(number: int) -> None:
        with httpx.Client(base_url=f"http://{ingest.otlp_http}", headers=HEADERS, timeout=10) as client:
            try:
                for turn in range(10_000):
                    body = one_of(Signal.TRACES, f"drained-{number}-{turn}").SerializeToString()
                    if client.post("/v1/traces", content=body).status_code == 503:
                        return
                    acknowledged.append(1)
            except httpx.TransportError:
                return

    with running_ingest(tmp_path, metadata_url) as ingest:
        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        os.kill(ingest.process.process.pid, signal.SIGTERM)
        for thread in threads:
            thread.join(15)
        assert ingest.process.process.wait(10) == 0
        found = sum(record.value.count(b"drained-") for record in ingest.records(Signal.TRACES))
    assert 10 < len(acknowledged) <= found
