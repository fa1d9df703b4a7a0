"""`otelhouse rules try` on samples."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from otelhouse.cli import app

RULES = r"""
tenant: acme
kind: control
document:
  rules:
    - {name: no-health, signal: traces, match: {name: GET /healthz}, action: deny}
    - {name: paths, signal: traces, action: {normalise: {keys: [url.path], regex: '/\d+', replace: '/{id}'}}}
    - {name: unused, signal: logs, action: deny}
"""


def _request(name: str, path: str) -> str:
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": name,
        "attributes": [{"key": "url.path", "value": {"stringValue": path}}],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def _try(directory: Path, sample: str, *flags: str) -> tuple[int, str]:
    rules, requests = directory / "control.yaml", directory / "spans.json"
    rules.write_text(RULES)
    requests.write_text(sample)
    result = CliRunner().invoke(app, ["rules", "try", str(rules), "--sample", str(requests), *flags])
    return result.exit_code, result.output + str(result.exception or "")


def test_counts_and_items_before_and_after_are_printed(tmp_path: Path) -> None:
    sample = "\n".join([_request("GET /healthz", "/"), _request("GET", "/users/7"), _request("GET", "/"), ""])
    code, output = _try(tmp_path, sample)
    lines = output.splitlines()
    assert code == 0
    assert lines[0] == "acme: 3 requests"
    assert lines[1] == "no-health\ttraces\t1 of 3 items"
    assert json.loads(lines[2].removeprefix("  before  ")) == json.loads(_request("GET /healthz", "/"))
    assert lines[3] == "  after   -"
    assert lines[4] == "paths\ttraces\t1 of 2 items"
    assert json.loads(lines[5].removeprefix("  before  ")) == json.loads(_request("GET", "/users/7"))
    assert json.loads(lines[6].removeprefix("  after   ")) == json.loads(_request("GET", "/users/{id}"))
    assert lines[7:] == ["unused\tlogs\t0 of 0 items"]


def test_one_request_in_many_lines_and_no_examples(tmp_path: Path) -> None:
    code, output = _try(tmp_path, json.dumps(json.loads(_request("GET /healthz", "/")), indent=2), "--examples", "0")
    assert (code, output.splitlines()[1]) == (0, "no-health\ttraces\t1 of 1 items")
    assert "before" not in output


def test_a_sample_that_is_no_otlp_is_refused_with_its_place(tmp_path: Path) -> None:
    code, output = _try(tmp_path, _request("a", "/") + "\n{}\n")
    assert code != 0
    assert "spans.json:2: has none of resourceSpans" in output


def test_a_wrong_rule_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "{tenant: a, kind: control, document: {rules: [{name: a, signal: x, action: deny}]}}"
    )
    (tmp_path / "s.json").write_text(_request("a", "/"))
    result = CliRunner().invoke(app, ["rules", "try", str(tmp_path / "r.yaml"), "--sample", str(tmp_path / "s.json")])
    assert result.exit_code != 0
    assert "rules[0].signal: must be one of" in str(result.exception)
