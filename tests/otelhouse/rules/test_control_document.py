"""What a document of control rules may say, and what is said about one that may not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from otelhouse.rules.documents.control import ControlRules, Route, parse
from otelhouse.rules.errors import InvalidRule


def _rules(text: str) -> Any:
    return {"rules": yaml.safe_load(text)}


def test_an_empty_document_has_no_rules() -> None:
    assert parse({}) == ControlRules() == parse({"rules": []})


def test_a_route_names_a_topic_of_the_signal() -> None:
    rules = parse(_rules("[{name: r, signal: logs, action: {route: {topic: audit}}}]"))
    assert rules.rules[0].action == Route("telemetry.logs.audit")


WRONG = [
    ("[{}]", "rules[0].name: is missing"),
    ("[{name: A, signal: traces, action: deny}]", "rules[0].name: must be lower-case letters"),
    ("[{name: a, signal: traces, action: deny}, {name: a, signal: logs, action: deny}]", "rules[1].name: 'a' is"),
    ("[{name: a, signal: spans, action: deny}]", "rules[0].signal: must be one of traces, metrics, logs"),
    ("[{name: a, signal: traces, action: denied}]", "rules[0].action: must be allow, deny, or one of"),
    ("[{name: a, signal: traces, action: {drop: {}}}]", "rules[0].action: must be one of"),
    ("[{name: a, signal: traces, action: deny, when: {}}]", "rules[0].when: unknown"),
    ("[{name: a, signal: traces, match: [], action: deny}]", "rules[0].match: must be a mapping"),
    ("[{name: a, signal: traces, match: {nome: x}, action: deny}]", "rules[0].match.nome: unknown; it must be one of"),
    ("[{name: a, signal: traces, match: {kind: sever}, action: deny}]", "rules[0].match.kind: must be one of"),
    ("[{name: a, signal: traces, match: {name: {like: x}}, action: deny}]", "rules[0].match.name.like: unknown"),
    ("[{name: a, signal: traces, match: {name: {in: []}}, action: deny}]", "rules[0].match.name.in: must be a list"),
    ("[{name: a, signal: traces, match: {name: {in: [[]]}}, action: deny}]", "rules[0].match.name.in[0]: must be text"),
    ("[{name: a, signal: traces, match: {name: {regex: '('}}, action: deny}]", "rules[0].match.name.regex: missing )"),
    (r"[{name: a, signal: traces, match: {name: {regex: 'a\C'}}, action: deny}]", r"\C would cut characters in two"),
    ("[{name: a, signal: traces, match: {any: [{name: a}, {nome: b}]}, action: deny}]", "rules[0].match.any[1].nome:"),
    (
        "[{name: a, signal: logs, match: {severity: {at_least: high}}, action: deny}]",
        "rules[0].match.severity.at_least",
    ),
    (
        "[{name: a, signal: metrics, match: {attributes.a: b}, action: {route: {topic: t}}}]",
        "rules[0].match: data points can only be allowed or denied",
    ),
    ("[{name: a, signal: metrics, action: {drop_attributes: {keys: [a]}}}]", "is left to aggregation rules"),
    ("[{name: a, signal: metrics, action: {set_attribute: {in: resource, key: a, value: b}}}]", "aggregation rules"),
    ("[{name: a, signal: metrics, action: {rename: {to: b}}}]", "rules[0].match: renaming metrics needs the one name"),
    (
        "[{name: a, signal: metrics, match: {name: a}, action: {rename: {to: c}}},"
        " {name: b, signal: metrics, match: {name: b}, action: {rename: {to: c}}}]",
        "rules[1].action.rename.to: two metrics cannot get one name",
    ),
    ("[{name: a, signal: logs, action: {rename: {to: b}}}]", "rules[0].action.rename: log records have no name"),
    ("[{name: a, signal: traces, action: {normalise: {keys: [a]}}}]", "rules[0].action.normalise: needs regex"),
    ("[{name: a, signal: traces, action: {normalise: {keys: [a], regex: x}}}]", "regex and replace go together"),
    (
        r"[{name: a, signal: traces, action: {normalise: {keys: [a], regex: x, replace: '\1'}}}]",
        "rules[0].action.normalise.replace: Invalid replacement string",
    ),
    ("[{name: a, signal: traces, action: {normalise: {keys: [a], truncate: 0}}}]", "truncate: must be a whole number"),
    (
        "[{name: a, signal: logs, action: {drop_attributes: {in: events, keys: [a]}}}]",
        "rules[0].action.drop_attributes.in",
    ),
    (
        "[{name: a, signal: traces, match: {kind: server}, action: {drop_attributes: {in: resource, keys: [a]}}}]",
        "rules[0].match: a resource is shared by its items",
    ),
    ("[{name: a, signal: traces, action: {set_attribute: {key: a, value: [1]}}}]", "value: must be text"),
    (
        "[{name: a, signal: traces, action: {set_attribute: {key: a, value: 9223372036854775808}}}]",
        "a number of 64 bits",
    ),
    ("[{name: a, signal: traces, action: {route: {topic: A/b}}}]", "rules[0].action.route.topic: must be lower-case"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_said_with_its_path(text: str, message: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        parse(_rules(text))
    assert message in str(raised.value)


def test_conditions_cannot_be_nested_without_end() -> None:
    match: dict[str, Any] = {"name": "a"}
    for _ in range(10):
        match = {"not": match}
    with pytest.raises(InvalidRule, match="nested"):
        parse({"rules": [{"name": "a", "signal": "traces", "match": match, "action": "deny"}]})


def test_a_backslash_before_a_letter_c_is_no_byte() -> None:
    parse(_rules(r"[{name: a, signal: traces, match: {name: {regex: 'C:\\\\C\\\\d'}}, action: deny}]"))


def test_the_documented_example_is_valid() -> None:
    page = (Path(__file__).parents[3] / "docs/control-rules.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [rule.name for rule in parse(yaml.safe_load(example)["document"]).rules] == [
        "no-health-checks",
        "user-paths",
        "audit",
    ]
