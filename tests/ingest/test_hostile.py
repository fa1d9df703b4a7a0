"""Input that is made to hurt is answered, never with a fault of ours, and the next caller is served."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest

from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.hostile import (
    HOSTILE_JSON,
    HOSTILE_PROTOBUF,
    MIB,
    PATHS,
    giants,
    series,
)
from tests.ingest.requests import one_of
from tests.schema.wire.mutate import mutate
from tests.schema.wire.official import REQUEST, random_message
from tests.schema.wire.official_json import to_document, to_text
from tests.schema.wire.test_from_json import damage
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.memory import Peak, resident

PROTOBUF, JSON = "application/x-protobuf", "application/json"
ALLOWED = 512 * MIB
"""What ingest may take above idle, whatever it is sent."""
ANSWERED = {200, 400, 413}


@pytest.fixture(scope="module")
def open_ingest(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest with the limits that it has by default. What is counted here shall not be shed."""
    with running_ingest(tmp_path_factory.mktemp("hostile"), metadata_url, degrade=False) as running:
        post(running, Signal.TRACES, one_of(Signal.TRACES, "first").SerializeToString())
        yield running


def post(ingest: RunningIngest, signal: Signal, body: bytes, media_type: str = PROTOBUF, coding: str = "") -> int:
    headers = {"content-type": media_type} | ({"content-encoding": coding} if coding else {})
    return httpx.post(
        f"http://{ingest.otlp_http}{signal.http_path}", content=body, headers=headers, timeout=60
    ).status_code


@pytest.mark.parametrize("name", HOSTILE_PROTOBUF)
def test_hostile_protobuf_is_answered_alike_by_both_protocols(open_ingest: RunningIngest, name: str) -> None:
    signal = PATHS.get(name, Signal.TRACES)
    status = post(open_ingest, signal, HOSTILE_PROTOBUF[name])
    client = GrpcClient(open_ingest.otlp_grpc)
    try:
        client.export(HOSTILE_PROTOBUF[name], signal.grpc_method)
        code = grpc.StatusCode.OK
    except grpc.RpcError as error:
        code = error.code()
    finally:
        client.channel.close()
    assert (status, code) in [(200, grpc.StatusCode.OK), (400, grpc.StatusCode.INVALID_ARGUMENT)]
    assert post(open_ingest, signal, one_of(signal, "after").SerializeToString()) == 200


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_answered(open_ingest: RunningIngest, name: str) -> None:
    signal = PATHS.get(name, Signal.TRACES)
    assert post(open_ingest, signal, HOSTILE_JSON[name], JSON) in ANSWERED
    assert post(open_ingest, Signal.TRACES, one_of(Signal.TRACES, "after").SerializeToString()) == 200


def test_bombs_and_giants_at_once_are_answered_within_memory(open_ingest: RunningIngest) -> None:
    sent = giants()
    pid = open_ingest.process.process.pid
    idle = resident(pid)
    with Peak(pid) as peak, ThreadPoolExecutor(len(sent)) as pool:
        statuses = set(pool.map(lambda g: post(open_ingest, g.signal, g.body, g.media_type, g.coding), sent))
    assert statuses <= ANSWERED | {503}
    assert peak.bytes - idle < ALLOWED, f"{(peak.bytes - idle) >> 20} MiB above idle"
    assert post(open_ingest, Signal.TRACES, one_of(Signal.TRACES, "after").SerializeToString()) == 200


def overload(directory: Path, metadata_url: str, seconds: float, honest_clients: int, hostile_clients: int) -> None:
    """Clients send as fast as they can, well-behaved and not: memory is bounded, nothing acknowledged is lost."""
    with running_ingest(directory, metadata_url, degrade=False) as ingest:
        post(ingest, Signal.METRICS, series(10))
        pid = ingest.process.process.pid
        idle, stop = resident(pid), threading.Event()
        acknowledged, statuses = [0], set()
        lock = threading.Lock()

        def honest(number: int) -> None:
            client = httpx.Client(timeout=60)
            turn = 0
            while not stop.is_set():
                turn += 1
                body = series(5000, (number * 1000 + turn % 40) * 5000)
                headers = {"content-type": PROTOBUF}
                status = client.post(f"http://{ingest.otlp_http}/v1/metrics", content=body, headers=headers).status_code
                with lock:
                    statuses.add(status)
                    acknowledged[0] += 5000 * (status == 200)
            client.close()

        def hostile(seed: int) -> None:
            rng = random.Random(seed)
            while not stop.is_set():
                giant = rng.choice(sent)
                status = post(ingest, giant.signal, giant.body, giant.media_type, giant.coding)
                with lock:
                    statuses.add(status)

        # What is lost shall not be made up for by what is not counted.
        sent = [giant for giant in giants() if giant.signal is not Signal.METRICS]
        threads = [threading.Thread(target=honest, args=(number,)) for number in range(honest_clients)]
        threads += [threading.Thread(target=hostile, args=(number,)) for number in range(hostile_clients)]
        with Peak(pid) as peak:
            for thread in threads:
                thread.start()
            stop.wait(seconds)
            stop.set()
            for thread in threads:
                thread.join()
        assert statuses <= ANSWERED | {503}
        found = [parse_headers(record.headers) for record in ingest.records(Signal.METRICS)]
        kept = sum(framing.items for framing in found if isinstance(framing, Framing)) - 10
        assert kept >= acknowledged[0] > 0
        assert peak.bytes - idle < ALLOWED, f"{(peak.bytes - idle) >> 20} MiB above idle"


def test_an_overload_of_seconds_loses_nothing_and_stays_within_memory(tmp_path: Path, metadata_url: str) -> None:
    overload(tmp_path, metadata_url, 3, 3, 2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_overload_of_minutes_loses_nothing_and_stays_within_memory(tmp_path: Path, metadata_url: str) -> None:
    overload(tmp_path, metadata_url, 120, 6, 4)


def fuzz(ingest: RunningIngest, cases: int, seed: int) -> set[int]:
    """Mutated requests in both encodings to all paths -> the statuses seen."""
    rng = random.Random(seed)
    statuses = set()
    with httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=60) as client:
        for _ in range(cases // 4):
            signal = rng.choice(list(Signal))
            message = random_message(REQUEST[signal](), rng)
            whole, text = message.SerializeToString(), to_text(to_document(message, rng), rng)
            for media_type, body in (
                (PROTOBUF, mutate(whole, rng)),
                (PROTOBUF, mutate(mutate(whole, rng), rng)),
                (JSON, damage(text, rng)),
                (JSON, damage(damage(text, rng), rng)),
            ):
                path = rng.choice(list(Signal)).http_path if rng.random() < 0.1 else signal.http_path
                answer = client.post(path, content=body, headers={"content-type": media_type})
                assert answer.status_code in ANSWERED, (seed, answer.status_code, media_type, path, body)
                statuses.add(answer.status_code)
    return statuses


def test_no_mutated_request_is_a_fault_of_ours(open_ingest: RunningIngest) -> None:
    assert fuzz(open_ingest, 600, seed=4) == {200, 400}


@pytest.mark.slow
def test_no_mutated_request_of_many_is_a_fault_of_ours(open_ingest: RunningIngest) -> None:
    for seed in range(100, 160):
        fuzz(open_ingest, 2000, seed)
