"""One setting says what the tenant `default` masks, from the first call on."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from otelhouse.postgres import Connection
from otelhouse.rules.effects import effects
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.record import RuleChange, parse_headers
from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest

MAIL = "ann@example.com"


def sent(ingest: RunningIngest) -> bytes:
    """Send a span; returns the log's bytes."""
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
    with running_ingest(tmp_path, postgres_url) as ingest:
        found = sent(ingest)
    assert kept in found
    assert not gone or gone not in found


def test_what_else_the_rule_says_stays_and_the_log_says_since_when(
    tmp_path: Path, postgres_url: str, store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTELHOUSE_MASKING_PROFILE", "default")
    rule = {"profile": "all", "detectors": {"email": "off"}}
    RuleStore(store).apply([Change("default", Kind.MASKING, rule)], "ann")
    with running_ingest(tmp_path, postgres_url) as ingest:
        assert MAIL.encode() in sent(ingest)
        held = RuleStore(store).get(Kind.MASKING, "default")
        assert held is not None
        assert (held.version, held.document) == (2, {"profile": "default", "detectors": {"email": "off"}})
        deadline = time.monotonic() + 20
        while len(effects(store, Kind.MASKING, "default", 2)) < len(Signal) * ingest.settings.log.partitions:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        said = {parse_headers(record.headers) for signal in Signal for record in ingest.records(signal)}
    assert RuleChange("masking", "default", 2) in said
