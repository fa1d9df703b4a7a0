"""`otelhouse sampling decide`, as its users call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otelhouse.cli import app
from otelhouse.errors import StartupError
from tests.otelhouse.sampling.made import otlp_json, requests, resource, span, trace_id

POLICY = """
processors:
  tail_sampling:
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: no-health, type: drop, drop: {drop_sub_policy: [
          {name: path, type: string_attribute, string_attribute: {key: url.path, values: [/health]}}]}}
"""


def run(policy: str, spans: str, folder: Path) -> list[dict[str, object]]:
    (folder / "policy.yaml").write_text(policy)
    (folder / "spans.json").write_text(spans)
    command = ["sampling", "decide", "--policy", f"{folder}/policy.yaml", "--spans", f"{folder}/spans.json"]
    done = CliRunner().invoke(app, command)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_a_trace_says_what_becomes_of_it_and_why(tmp_path: Path) -> None:
    health = resource(span(status=2, url_path="/health"))
    traces = [[resource(span(status=2)), resource(span())], [resource(span())], [health]]
    made = [otlp_json(request) for request in requests(traces)]
    lines = "\n".join(json.dumps(document) for document in made)
    whole = json.dumps({"resourceSpans": [group for document in made for group in document["resourceSpans"]]}, indent=2)
    for spans in (lines, whole):
        said = run(POLICY, spans, tmp_path)
        assert [(line["traceId"], line["sampled"], line["policy"]) for line in said] == [
            (trace_id(0).hex(), True, "errors"),
            (trace_id(1).hex(), False, None),
            (trace_id(2).hex(), False, "no-health"),
        ]  # fmt: skip
        assert [line["reason"] for line in said] == [
            "sampled by a policy of type status_code", "no policy sampled it", "dropped by a policy of type drop",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "spans", "said"),
    [
        ("policies: [{name: a, type: x}]", "{}", r"policy.yaml: policies\[0\].type"),
        (POLICY, "{}\n{broken", "spans.json:2: is no OTLP JSON"),
        (POLICY, '{"resourceSpans": 3}', "spans.json: is no OTLP JSON"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, policy: str, spans: str, said: str) -> None:
    with pytest.raises(StartupError, match=said):
        run(policy, spans, tmp_path)
