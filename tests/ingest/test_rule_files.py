"""A setting names a file with what the tenant `default` tail-samples by, another one with what it records."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.main import run
from otelhouse.clock import SystemClock
from otelhouse.config import PostgresSettings, Settings
from otelhouse.errors import StartupError
from otelhouse.postgres import Connection
from otelhouse.rules.effects import effects
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import RuleStore
from schema.signal import Signal
from tests.support.ingest import running_ingest

POLICIES = "policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]"
COLLECTOR = f"receivers: {{}}\nprocessors: {{tail_sampling: {{decision_wait: 3s, {POLICIES}}}}}\n"
GROUPS = "groups: [{name: g, interval: 30s, rules: [{record: a, expr: 'sum(rate(b[1m]))'}]}]"


@pytest.mark.parametrize(
    ("setting", "text", "kind", "signal", "keys"),
    [
        ("SAMPLING_POLICY_FILE", COLLECTOR, Kind.SAMPLING, Signal.TRACES, {"decision_wait", "policies"}),
        ("RECORDING_RULES_FILE", GROUPS, Kind.RECORDING, Signal.METRICS, {"groups"}),
    ],
)
def test_what_a_file_says_becomes_the_rule_and_takes_effect_in_the_log(
    tmp_path: Path,
    postgres_url: str,
    store: Connection,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    text: str,
    kind: Kind,
    signal: Signal,
    keys: set[str],
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    monkeypatch.setenv(f"OTELHOUSE_{setting}", str(file))
    for _ in range(2):  # the second start changes nothing
        with running_ingest(tmp_path, postgres_url) as ingest:
            held = RuleStore(store).get(kind, "default")
            assert held is not None
            assert (held.version, held.author, set(held.document)) == (1, "config", keys)
            deadline = time.monotonic() + 20
            while signal.topic not in {each.topic for each in effects(store, kind, "default", 1)}:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert ingest.process.process.poll() is None


@pytest.mark.parametrize(
    ("setting", "text", "why"),
    [
        ("sampling.policy_file", None, "No such file"),
        (
            "sampling.policy_file",
            "policies: [{name: a, type: nonsense}]",
            "policies[0].type: 'nonsense' is no policy that we know",
        ),
        ("sampling.policy_file", "- [", "line 1, column 4"),
        ("recording.rules_file", None, "No such file"),
        ("recording.rules_file", "- a", "must be one YAML document, a mapping with 'groups'"),
        (
            "recording.rules_file",
            "groups: [{name: g, rules: [{record: a, expr: 'topk(1, b)'}]}]",
            "groups[0].rules[0].expr: 'topk(1, b)' does not stream",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_at_start(
    tmp_path: Path, postgres_url: str, store: Connection, setting: str, text: str | None, why: str
) -> None:
    file = tmp_path / "rules.yaml"
    if text is not None:
        file.write_text(text)
    section, name = setting.split(".")
    settings = Settings.model_validate(
        {"data": tmp_path, "postgres": PostgresSettings(url=postgres_url), section: {name: str(file)}}  # type: ignore[arg-type]  # as the environment gives it
    )
    with pytest.raises(StartupError) as raised:
        run(settings, SystemClock(), None, None)  # type: ignore[arg-type]  # it does not get that far
    assert str(raised.value).startswith(f"{setting}: {file}: ")
    assert why in str(raised.value)
