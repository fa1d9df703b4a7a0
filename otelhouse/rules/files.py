"""Rules in files that can live beside code: YAML (several documents a file) or TOML (a table, or an array `rules`).

A rule is `tenant`, `kind` and `document`; YAML may also hold a list of them under `rules`. A directory is read as all
its .yaml, .yml and .toml files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from otelhouse.rules import yaml_core
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind, Rule
from otelhouse.rules.store import Change

_SUFFIXES = (".yaml", ".yml", ".toml")
_KEYS = ("tenant", "kind", "document")


def read(paths: Iterable[Path]) -> list[Change]:
    """The rules in these files, in order; documents are not checked yet. Raises InvalidRule, which names the file."""
    found: list[Change] = []
    for path in paths:
        for file in _files(path):
            try:
                found += _changes(file)
            except InvalidRule as error:
                raise InvalidRule("", f"{file}: {error}") from None
            except OSError as error:
                raise InvalidRule("", f"{file}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise InvalidRule("", f"{file}: is not UTF-8") from None
    return found


def write(rule: Rule) -> str:
    """A rule as a file that read() takes."""
    return yaml_core.dump({"tenant": rule.tenant, "kind": str(rule.kind), "document": rule.document})


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
    if path.suffix not in _SUFFIXES:
        raise InvalidRule("", f"{path}: is none of {', '.join(_SUFFIXES)}")
    return [path]


def _changes(file: Path) -> Iterator[Change]:
    text = file.read_text(encoding="utf-8")
    for where, rule in _rules(file, text):
        tenant, kind, document = _parts(rule, where)
        yield Change(tenant, kind, document, f"{file}: {where}.document" if where else f"{file}: document")


def _rules(file: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Each rule with where it stands."""
    if file.suffix == ".toml":
        try:
            documents: list[Any] = [tomllib.loads(text)]
        except tomllib.TOMLDecodeError as error:
            raise InvalidRule("", f"is not TOML: {error}") from None
    else:
        documents = yaml_core.load_all(text)
    for number, document in enumerate(documents, 1):
        where = f"document {number}" if len(documents) > 1 else ""
        if isinstance(document, Mapping) and set(document) == {"rules"} and isinstance(document["rules"], list):
            for index, rule in enumerate(document["rules"]):
                yield f"{where}: rules[{index}]" if where else f"rules[{index}]", rule
        else:
            yield where, document


def _parts(rule: Any, where: str) -> tuple[str, Kind, Mapping[str, Any]]:
    if not isinstance(rule, Mapping):
        raise InvalidRule(where, f"is no rule: it has {', '.join(_KEYS)}")
    for key in rule:
        if key not in _KEYS:
            raise InvalidRule(where, f"'{key}' is none of {', '.join(_KEYS)}")
    for key in _KEYS:
        if key not in rule:
            raise InvalidRule(where, f"'{key}' is missing")
    tenant, kind, document = (rule[key] for key in _KEYS)
    if not isinstance(tenant, str):
        raise InvalidRule(where, "'tenant' is not a string")
    if kind not in list(Kind):
        raise InvalidRule(where, f"'kind' is {kind!r}, which is none of {', '.join(Kind)}")
    if not isinstance(document, Mapping):
        raise InvalidRule(where, "'document' is not a mapping")
    return tenant, Kind(kind), document
