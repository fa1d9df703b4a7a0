"""Rules in files: what is read, what comes back, and what is said about a file that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from otelhouse.rules import files, yaml_core
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind, Rule

RULE = "tenant: acme\nkind: limits\ndocument: {a: 1}\n"


def read(tmp_path: Path, text: str, name: str = "rules.yaml") -> list[tuple[str, str, Any]]:
    path = tmp_path / name
    path.write_text(text)
    return [(change.tenant, change.kind, change.document) for change in files.read([path])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", RULE + "---\ntenant: b\nkind: control\ndocument: {}\n"),
        (
            "a.yml",
            "rules:\n- {tenant: acme, kind: limits, document: {a: 1}}\n- {tenant: b, kind: control, document: {}}\n",
        ),
        (
            "a.toml",
            '[[rules]]\ntenant = "acme"\nkind = "limits"\ndocument.a = 1\n'
            '[[rules]]\ntenant = "b"\nkind = "control"\ndocument = {}\n',
        ),
    ],
)
def test_a_file_may_hold_several_rules(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, text, name) == [("acme", "limits", {"a": 1}), ("b", "control", {})]


def test_a_table_alone_is_a_rule_too(tmp_path: Path) -> None:
    text = 'tenant = "acme"\nkind = "limits"\n[document]\na = 1\n'
    assert read(tmp_path, text, "a.toml") == [("acme", "limits", {"a": 1})]


def test_a_directory_is_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(RULE)
    (tmp_path / "a.toml").write_text('tenant = "b"\nkind = "limits"\ndocument = {}\n')
    (tmp_path / "README.md").write_text("not a rule")
    assert [change.tenant for change in files.read([tmp_path])] == ["b", "acme"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yaml", "tenant: acme\nkind: limits\n", "a.yaml: 'document' is missing"),
        ("a.yaml", RULE + "---\nkind: limits\ndocument: {}\n", "a.yaml: document 2: 'tenant' is missing"),
        ("a.yaml", "rules:\n- " + RULE.replace("\n", "\n  ") + "\n- 3\n", r"a.yaml: rules\[1\]: is no rule"),
        ("a.yaml", RULE + "extra: 1\n", "a.yaml: 'extra' is none of tenant, kind, document"),
        ("a.yaml", RULE.replace("limits", "limit"), "a.yaml: 'kind' is 'limit', which is none of limits, control"),
        ("a.yaml", RULE.replace("acme", "[]"), "a.yaml: 'tenant' is not a string"),
        ("a.yaml", RULE.replace("{a: 1}", "3"), "a.yaml: 'document' is not a mapping"),
        ("a.yaml", RULE.replace("{a: 1}", "{a: 1, a: 2}"), "a.yaml: line 3, column 18: 'a' is there twice"),
        ("a.yaml", RULE.replace("{a: 1}", "{1: 2}"), "a.yaml: line 3, column 12: the key 1 is not a string"),
        ("a.yaml", RULE + " x", "a.yaml: line 4, column "),
        ("a.yaml", RULE.replace("{a: 1}", "!!python/object:os.x {}"), "a.yaml: line 3, column 11: could not determine"),
        ("a.toml", "x", "a.toml: is not TOML: "),
        ("a.json", "{}", r"a.json: is none of \.yaml, \.yml, \.toml"),
        ("a.yaml", "\ud800", "a.yaml: is not UTF-8"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, name: str, text: str, problem: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidRule, match=problem):
        files.read([path])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.2.3", "1.2.3"),
        (".inf", float("inf")),
        ("'1'", "1"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    (found,) = yaml_core.load_all(f"a: {text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    "value",
    ["off", "1e3", "0o17", "12:30", "2026-01-31", "", "null", "é", "a: b", "# c", 1, 1.5, True, None, [], {"a": [1]}],
)
def test_what_is_written_reads_as_the_same(tmp_path: Path, value: object) -> None:
    rule = Rule("acme", Kind.LIMITS, 3, {"z": value, "a": 1}, datetime(2026, 1, 1, tzinfo=UTC))
    assert read(tmp_path, files.write(rule)) == [("acme", "limits", {"z": value, "a": 1})]
