"""A PostgreSQL that is stopped, under an ingest that runs and under one that starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from otelhouse.config import PostgresSettings
from otelhouse.keys import create_key
from otelhouse.postgres import connect
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.postgres import DEBIAN_BINARIES, PostgresServer, debian_server, migrate_postgres

MAIL = "ann@example.com"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    if not DEBIAN_BINARIES.is_dir():
        pytest.skip("PostgreSQL 15 of Debian is not installed")
    with debian_server() as found:
        migrate_postgres(found.url)
        yield found


def send(ingest: RunningIngest, name: str = "x", key: str = "") -> int:
    headers = {"content-type": "application/x-protobuf"} | ({"authorization": f"Bearer {key}"} if key else {})
    body = one_of(Signal.TRACES, name).SerializeToString()
    return httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=body, headers=headers, timeout=20).status_code


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.1)


def test_known_keys_and_rules_hold_and_everything_is_caught_up_with(tmp_path: Path, server: PostgresServer) -> None:
    settings = PostgresSettings(url=SecretStr(server.url))
    with connect(settings) as store:
        known, unknown = create_key(store, "acme", create_tenant=True).key, create_key(store, "acme").key
        RuleStore(store).apply([Change("acme", Kind.MASKING, {"profile": "off"})], "test")
    with running_ingest(tmp_path, server.url) as ingest:
        assert send(ingest, f"before {MAIL}", known) == 200
        server.stop()
        time.sleep(3)  # past all refreshes
        assert send(ingest, f"during {MAIL}", known) == 200
        assert send(ingest, "x", unknown) == 503
        assert httpx.get(f"http://{ingest.otlp_http}/readyz", timeout=20).status_code == 503
        server.start()
        with connect(settings) as store:
            RuleStore(store).apply([Change("acme", Kind.MASKING, {"profile": "default"})], "test")
        until(lambda: send(ingest, "x", unknown) == 200)
        until(lambda: httpx.get(f"http://{ingest.otlp_http}/readyz", timeout=20).status_code == 200)
        assert send(ingest, f"after {MAIL}", known) == 200
        stored = b"".join(record.value for record in ingest.records(Signal.TRACES))
    assert f"before {MAIL}".encode() in stored
    assert f"during {MAIL}".encode() in stored
    assert b"after " in stored
    assert f"after {MAIL}".encode() not in stored


def test_an_ingest_that_starts_meanwhile_takes_nothing_until_it_knows_what_to_mask(
    tmp_path: Path, server: PostgresServer
) -> None:
    server.stop()
    with running_ingest(tmp_path, server.url) as ingest:
        assert send(ingest, MAIL) == 503
        server.start()
        until(lambda: send(ingest, MAIL) == 200)
        assert MAIL.encode() not in b"".join(record.value for record in ingest.records(Signal.TRACES))
