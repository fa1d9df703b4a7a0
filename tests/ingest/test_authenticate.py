"""Keys decide whose data it is, on real sockets and a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import psycopg
import pytest

from otelhouse.keys import Scope, create_key, revoke_key
from otelhouse.postgres import Connection
from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.postgres import PostgresServer

REVOKED_SECONDS = 5.0


@pytest.fixture
def exposed(tmp_path: Path, postgres_url: str, store: Connection) -> Iterator[RunningIngest]:
    """Ingest that others can reach, so that it wants a key."""
    with running_ingest(tmp_path, postgres_url, grpc="0.0.0.0:0", http="0.0.0.0:0") as running:
        running.otlp_grpc = running.otlp_grpc.replace("0.0.0.0", "127.0.0.1")
        running.otlp_http = running.otlp_http.replace("0.0.0.0", "127.0.0.1")
        yield running


def send(ingest: RunningIngest, key: str = "", tenant: str = "") -> int:
    """POST a span; returns the HTTP status."""
    headers = {"content-type": "application/x-protobuf"}
    headers |= {"authorization": f"Bearer {key}"} if key else {}
    headers |= {"x-scope-orgid": tenant, "tenant": tenant} if tenant else {}
    body = one_of(Signal.TRACES, "x").SerializeToString()
    return httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=body, headers=headers, timeout=10).status_code


def tenants(ingest: RunningIngest) -> list[str]:
    framings = [parse_headers(record.headers) for record in ingest.records(Signal.TRACES)]
    return sorted({framing.tenant for framing in framings if isinstance(framing, Framing)})


def test_a_bind_that_others_can_reach_wants_a_key(exposed: RunningIngest, store: Connection) -> None:
    assert send(exposed) == 401
    assert send(exposed, "ohk_wrong") == 401
    key = create_key(store, "acme", create_tenant=True).key
    assert send(exposed, key, tenant="default") == 200
    assert tenants(exposed) == ["acme"]


def test_grpc_callers_without_a_valid_key_are_unauthenticated(exposed: RunningIngest, store: Connection) -> None:
    client = GrpcClient(exposed.otlp_grpc)
    assert client.refusal(b"").code() is grpc.StatusCode.UNAUTHENTICATED
    assert client.refusal(b"", key="ohk_wrong").code() is grpc.StatusCode.UNAUTHENTICATED
    key = create_key(store, "default").key
    assert client.export(one_of(Signal.TRACES, "x").SerializeToString(), key=key) == b""
    client.channel.close()


def test_a_key_shown_on_loopback_is_checked_too(tmp_path: Path, postgres_url: str, store: Connection) -> None:
    with running_ingest(tmp_path, postgres_url) as ingest:
        assert send(ingest) == 200
        assert send(ingest, "ohk_wrong") == 401
        assert send(ingest, create_key(store, "acme", create_tenant=True).key) == 200
        assert tenants(ingest) == ["acme", "default"]


def test_a_key_that_may_not_send_is_told_so(exposed: RunningIngest, store: Connection) -> None:
    reads = create_key(store, "default", scopes=[Scope.QUERY]).key
    assert send(exposed, reads) == 403
    client = GrpcClient(exposed.otlp_grpc)
    refusal = client.refusal(b"", key=reads)
    client.channel.close()
    assert refusal.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refusal.details() == "this caller may not send data: it lacks the scope 'ingest'"


def test_a_disabled_tenant_s_keys_are_refused_within_five_seconds(exposed: RunningIngest, store: Connection) -> None:
    key = create_key(store, "acme", create_tenant=True).key
    assert send(exposed, key) == 200
    store.execute("UPDATE tenants SET disabled_at = now() WHERE id = 'acme'")
    deadline = time.monotonic() + REVOKED_SECONDS
    while send(exposed, key) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert send(exposed, key) == 403


def test_a_revoked_key_dies_within_five_seconds(exposed: RunningIngest, store: Connection) -> None:
    dies, lives = (create_key(store, "default", name) for name in ("dies", "lives"))
    assert send(exposed, dies.key) == send(exposed, lives.key) == 200
    revoke_key(store, dies.prefix)
    deadline = time.monotonic() + REVOKED_SECONDS
    while send(exposed, dies.key) == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert send(exposed, dies.key) == 401
    assert send(exposed, lives.key) == 200


def test_known_keys_hold_while_postgres_is_away_and_new_ones_wait(
    exposed: RunningIngest, store: Connection, postgres_url: str, postgres_server: PostgresServer
) -> None:
    known, new = create_key(store, "default"), create_key(store, "default")
    assert send(exposed, known.key) == 200
    database = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    store.close()
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        # As good as down: nobody gets in.
        admin.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
        assert send(exposed, new.key) == 503
        time.sleep(2.5)  # past a refresh that fails
        assert send(exposed, known.key) == 200
        assert httpx.get(f"http://{exposed.otlp_http}/readyz", timeout=10).json()["failed"].keys() == {"postgres"}
        admin.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    deadline = time.monotonic() + 20
    while send(exposed, new.key) != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
