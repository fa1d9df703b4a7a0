"""One setting says what the tenant `default` tail-samples by."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.main import run
from otelhouse.clock import SystemClock
from otelhouse.config import PostgresSettings, SamplingSettings, Settings
from otelhouse.errors import StartupError
from otelhouse.postgres import Connection
from otelhouse.rules.effects import effects
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import RuleStore
from schema.signal import Signal
from tests.support.ingest import running_ingest

POLICIES = "policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]"
COLLECTOR = f"receivers: {{}}\nprocessors: {{tail_sampling: {{decision_wait: 3s, {POLICIES}}}}}\n"


def test_the_file_s_policies_become_the_rule_and_take_effect_in_the_log(
    tmp_path: Path, postgres_url: str, store: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(COLLECTOR)
    monkeypatch.setenv("OTELHOUSE_SAMPLING_POLICY_FILE", str(file))
    for _ in range(2):  # the second start changes nothing
        with running_ingest(tmp_path, postgres_url) as ingest:
            held = RuleStore(store).get(Kind.SAMPLING, "default")
            assert held is not None
            assert (held.version, held.author, set(held.document)) == (1, "config", {"decision_wait", "policies"})
            deadline = time.monotonic() + 20
            while Signal.TRACES.topic not in {each.topic for each in effects(store, Kind.SAMPLING, "default", 1)}:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert ingest.process.process.poll() is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file"),
        ("policies: [{name: a, type: nonsense}]", "policies[0].type: 'nonsense' is no policy that we know"),
        ("- [", "line 1, column 4"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_at_start(
    tmp_path: Path, postgres_url: str, store: Connection, text: str | None, why: str
) -> None:
    file = tmp_path / "policy.yaml"
    if text is not None:
        file.write_text(text)
    settings = Settings(
        data=tmp_path,
        postgres=PostgresSettings(url=postgres_url),  # type: ignore[arg-type]  # as the environment gives it
        sampling=SamplingSettings(policy_file=str(file)),
    )
    with pytest.raises(StartupError) as raised:
        run(settings, SystemClock(), None, None)  # type: ignore[arg-type]  # it does not get that far
    assert str(raised.value).startswith(f"sampling.policy_file: {file}: ")
    assert why in str(raised.value)
