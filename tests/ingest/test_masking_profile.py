"""One setting says what the tenant `default` masks, from the first call on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection, connect
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.ingest import running_ingest
from tests.support.postgres import migrate_postgres

MAIL = "ann@example.com"


@pytest.fixture
def store(postgres_url: str) -> Iterator[Connection]:
    migrate_postgres(postgres_url)
    with connect(PostgresSettings(url=SecretStr(postgres_url))) as made:
        yield made


def in_log(directory: Path, postgres_url: str) -> bytes:
    """Start, send a span at once; returns the log's bytes."""
    with running_ingest(directory, postgres_url) as ingest:
        body = one_of(Signal.TRACES, f"{MAIL} 10.11.12.13").SerializeToString()
        headers = {"content-type": "application/x-protobuf"}
        assert httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=body, headers=headers).status_code == 200
        return b"".join(record.value for record in ingest.records(Signal.TRACES))


@pytest.mark.parametrize(
    ("profile", "kept", "gone"),
    [("", b"10.11.12.13", MAIL.encode()), ("off", MAIL.encode(), b""), ("all", b"", b"10.11.12.13")],
)
def test_a_profile_holds_from_the_first_call_on(
    tmp_path: Path,
    postgres_url: str,
    store: Connection,
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
    kept: bytes,
    gone: bytes,
) -> None:
    monkeypatch.setenv("OTELHOUSE_MASKING_PROFILE", profile)
    found = in_log(tmp_path, postgres_url)
    assert kept in found
    assert not gone or gone not in found


def test_what_else_the_rule_says_stays(
    tmp_path: Path, postgres_url: str, store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTELHOUSE_MASKING_PROFILE", "default")
    rule = {"profile": "all", "detectors": {"email": "off"}}
    RuleStore(store).apply([Change("default", Kind.MASKING, rule)], "ann")
    assert MAIL.encode() in in_log(tmp_path, postgres_url)
    held = RuleStore(store).get(Kind.MASKING, "default")
    assert held is not None
    assert (held.version, held.document) == (2, {"profile": "default", "detectors": {"email": "off"}})
