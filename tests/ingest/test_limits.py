"""Limits and accounts of a running ingest: what clients hear, what takes effect when, and that accounts are true."""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import psycopg
import pytest

from ingest.receivers import remote_write
from otelhouse.accounts import Line, Outcome, balances, read
from otelhouse.keys import create_key
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.requests import gauge, metrics, one_of, span, trace_id, traces
from tests.ingest.status import parse_status
from tests.support.graphql import eventually
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.postgres import migrate_postgres

PROTOBUF = "application/x-protobuf"
EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class House:
    """A running ingest, its metadata store and a key of each tenant."""

    ingest: RunningIngest
    url: str
    keys: Mapping[str, str]
    client: httpx.Client

    def limit(self, tenant: str, document: Mapping[str, Any]) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            RuleStore(connection).apply([Change(tenant, Kind.LIMITS, document)], "test")

    def post(self, tenant: str, signal: Signal, body: bytes, media_type: str = PROTOBUF) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.keys[tenant]}", "content-type": media_type}
        return self.client.post(f"http://{self.ingest.otlp_http}{signal.http_path}", content=body, headers=headers)

    def accounts(self) -> list[Line]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return read(connection, "", EVER)


@contextmanager
def house(directory: Path, url: str, **settings: object) -> Iterator[House]:
    """Ingest with tenants `free` and `held`; ends with all accounts written."""
    migrate_postgres(url)
    with psycopg.connect(url, autocommit=True) as connection:
        keys = {name: create_key(connection, name, create_tenant=True).key for name in ("free", "held")}
    with running_ingest(directory, url, **settings) as running, httpx.Client(timeout=10) as client:  # type: ignore[arg-type]
        yield House(running, url, keys, client)


def spans(number: int) -> bytes:
    return traces(*(span("x", trace_id(n + 1)) for n in range(number))).SerializeToString()


def test_a_limited_tenant_hears_when_to_come_again_and_others_notice_nothing(tmp_path: Path, postgres_url: str) -> None:
    with house(tmp_path, postgres_url) as found:
        assert found.post("held", Signal.TRACES, spans(5)).status_code == 200
        found.limit("held", {"traces": {"items_per_second": 2, "burst_seconds": 1}})
        eventually(lambda: found.post("held", Signal.TRACES, spans(40)).status_code, lambda code: code == 429, 5)
        answer = found.post("held", Signal.TRACES, spans(1))
        status = parse_status(answer.content)
        assert (answer.status_code, status.code) == (429, 8)
        assert status.retry_seconds is not None
        assert 15 < status.retry_seconds <= 20
        assert status.retry_seconds <= int(answer.headers["retry-after"]) <= status.retry_seconds + 1
        assert "traces.items_per_second" in status.message

        client = GrpcClient(found.ingest.otlp_grpc)
        refusal = client.refusal(spans(1), key=found.keys["held"])
        client.export(spans(1), key=found.keys["free"])
        client.channel.close()
        assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        retry = parse_status(dict(refusal.trailing_metadata())["grpc-status-details-bin"]).retry_seconds
        assert retry == pytest.approx(status.retry_seconds, abs=2)

        assert found.post("held", Signal.LOGS, one_of(Signal.LOGS, "x").SerializeToString()).status_code == 200
        found.limit("held", {})
        eventually(lambda: found.post("held", Signal.TRACES, spans(1)).status_code, lambda code: code == 200, 5)
    lines = found.accounts()
    assert set(balances(lines).values()) == {0}
    (limited,) = (line for line in lines if line.outcome is Outcome.LIMITED)
    assert (limited.tenant, limited.cause) == ("held", "items_per_second")
    assert limited.items >= 40 + 1 + 1
    assert limited.calls >= 3


def test_the_operators_limits_hold_for_tenants_without_rules(tmp_path: Path, postgres_url: str) -> None:
    with house(tmp_path, postgres_url, limit_bytes_per_second=1000, limit_burst_seconds=1) as found:
        assert found.post("free", Signal.TRACES, spans(100)).status_code == 200
        assert found.post("free", Signal.TRACES, spans(1)).status_code == 429
        assert found.post("held", Signal.TRACES, spans(100)).status_code == 200


def test_a_length_that_nobody_could_send_is_not_counted_as_sent(tmp_path: Path, postgres_url: str) -> None:
    with house(tmp_path, postgres_url) as found:
        host, _, port = found.ingest.otlp_http.rpartition(":")
        for path in (Signal.TRACES.http_path, remote_write.PATH):
            with socket.create_connection((host, int(port)), timeout=10) as liar:
                start = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {found.keys['held']}\r\n"
                kind = f"content-type: {PROTOBUF}\r\ncontent-encoding: snappy\r\n"
                liar.sendall(f"{start}{kind}content-length: {2**64 - 1}\r\n\r\n".encode())
                assert liar.recv(64).startswith(b"HTTP/1.1 413")
        assert found.post("free", Signal.TRACES, spans(5)).status_code == 200
    published = [line.items for line in found.accounts() if line.outcome is Outcome.PUBLISHED]
    assert published == [5]  # PostgreSQL took the accounts of all: no number is too large for it
    assert all(line.bytes <= 64 << 20 for line in found.accounts())


def test_every_item_of_a_random_mix_is_accounted_for_and_the_log_agrees(tmp_path: Path, postgres_url: str) -> None:
    dice = random.Random(7)
    calls, sizes, items = Counter[tuple[str, Signal]](), Counter[tuple[str, Signal]](), Counter[tuple[str, Signal]]()
    with house(tmp_path, postgres_url, degrade=False) as found:
        found.limit("held", {"metrics": {"items_per_second": 20, "burst_seconds": 1, "concurrent_requests": 2}})
        time.sleep(1.5)  # until it is known

        def send(call: tuple[str, Signal, bytes, int, str]) -> None:
            tenant, signal, body, number, media_type = call
            status = found.post(tenant, signal, body, media_type).status_code
            assert status in (200, 400, 429)
            calls[tenant, signal] += 1
            sizes[tenant, signal] += len(body)
            items[tenant, signal] += number

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(send, [a_call(dice) for _ in range(200)]))
    lines = found.accounts()
    assert set(balances(lines).values()) == {0}
    received = {(line.tenant, line.signal): line for line in lines if line.outcome is Outcome.RECEIVED}
    assert {place: line.calls for place, line in received.items()} == calls
    assert {place: line.bytes for place, line in received.items()} == sizes
    assert {place: line.items for place, line in received.items()} == items
    assert any(line.outcome is Outcome.LIMITED for line in lines)
    assert any(line.outcome is Outcome.REJECTED and line.items for line in lines)
    published = Counter({(line.tenant, line.signal): line.items for line in lines if line.outcome is Outcome.PUBLISHED})
    in_log = Counter[tuple[str, Signal]]()
    for signal in (Signal.TRACES, Signal.METRICS):
        for record in found.ingest.records(signal):
            framing = parse_headers(record.headers)
            assert isinstance(framing, Framing)
            in_log[framing.tenant, signal] += framing.items
    assert published == in_log


def a_call(dice: random.Random) -> tuple[str, Signal, bytes, int, str]:
    """Tenant, signal, body, items of a body that is OTLP, media type: good ones, bad ids, no OTLP, bad JSON."""
    tenant, size = dice.choice(("free", "held")), dice.randrange(1, 9)
    kind = dice.choice(("spans", "spans", "points", "points", "broken", "json"))
    if kind == "points":
        return tenant, Signal.METRICS, metrics(gauge("g", *map(float, range(size)))).SerializeToString(), size, PROTOBUF
    if kind == "broken":
        return tenant, Signal.TRACES, spans(size)[:-3], 0, PROTOBUF
    if kind == "json":
        return tenant, Signal.TRACES, b'{"resourceSpans": [', 0, "application/json"
    ids = [dice.choice((trace_id(dice.randrange(1, 99)), b"short")) for _ in range(size)]
    return tenant, Signal.TRACES, traces(*(span("x", each) for each in ids)).SerializeToString(), size, PROTOBUF
