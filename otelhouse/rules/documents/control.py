"""Control rules: what of a tenant's telemetry goes on, and what is changed on its way. See docs/control-rules.md.

    rules:
      - name: no-health-checks
        signal: traces
        match: {name: {in: [GET /healthz, GET /readyz]}, status: {in: [unset, ok]}}
        action: deny

Rules apply in their order, each to what the ones before left. On the labels of metrics nothing is removed, renamed
or merged: two counters under one name read as endless resets. That is an aggregation, and refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from otelhouse.rules.documents import control_match, re2, reading
from otelhouse.rules.documents.control_match import NAME, All, Condition, Match, Operator
from otelhouse.rules.errors import InvalidRule
from schema.signal import Signal

MOST_RULES = 200
_MOST_KEYS = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LABELS = "is left to aggregation rules for metrics: removing or merging labels here would break their series"


@dataclass(frozen=True, slots=True)
class Allow:
    """Of this signal, only what matches goes on."""


@dataclass(frozen=True, slots=True)
class Deny:
    """What matches is dropped."""


@dataclass(frozen=True, slots=True)
class Route:
    """What matches goes to the topic of this name beside the signal's own, and not into ours."""

    topic: str


@dataclass(frozen=True, slots=True)
class DropAttributes:
    """Attributes whose key is one of these, `*` and `?` being wild, are removed."""

    place: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenameAttribute:
    """An attribute gets another key, unless its owner has one of that key already."""

    place: str
    key: str
    to: str


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """An attribute gets this value, and is added where it is missing."""

    place: str
    key: str
    value: str | bool | int | float


@dataclass(frozen=True, slots=True)
class Change:
    """How a text changes: every match of the pattern is replaced, then lower case, then cut to so many characters."""

    pattern: str = ""
    replacement: str = ""
    lower: bool = False
    truncate: int = 0


@dataclass(frozen=True, slots=True)
class Normalise:
    """Text values of the attributes with these keys change."""

    place: str
    keys: tuple[str, ...]
    change: Change


@dataclass(frozen=True, slots=True)
class Rename:
    """The name of a span or metric becomes `to`, or changes where `to` is empty (spans only)."""

    to: str
    change: Change


Action = Allow | Deny | Route | DropAttributes | RenameAttribute | SetAttribute | Normalise | Rename


@dataclass(frozen=True, slots=True)
class ControlRule:
    """One rule; `name` is unique in its document and a label of our metrics."""

    name: str
    signal: Signal
    match: Match
    action: Action


@dataclass(frozen=True, slots=True)
class ControlRules:
    """A tenant's rules, in order."""

    rules: tuple[ControlRule, ...] = ()


def parse(document: Mapping[str, Any]) -> ControlRules:
    """The rules of a document. Raises InvalidRule, which names the place."""
    found = reading.fields(document, "", ("rules",))
    if not found.get("rules"):
        return ControlRules()
    rules = reading.items(found["rules"], "rules", _rule, MOST_RULES)
    names: set[str] = set()
    targets: set[str] = set()
    for place, rule in enumerate(rules):
        if rule.name in names:
            raise InvalidRule(f"rules[{place}].name", f"'{rule.name}' is the name of an earlier rule")
        names.add(rule.name)
        if rule.signal is Signal.METRICS and isinstance(rule.action, Rename):
            if rule.action.to in targets:
                raise InvalidRule(f"rules[{place}].action.rename.to", "two metrics cannot get one name")
            targets.add(rule.action.to)
    return ControlRules(rules)


def _rule(value: object, path: str) -> ControlRule:
    found = reading.fields(value, path, ("name", "signal", "match", "action"), ("name", "signal", "action"))
    name = reading.text(found["name"], f"{path}.name")
    if not _NAME.fullmatch(name):
        raise InvalidRule(f"{path}.name", "must be lower-case letters, digits, '-' and '_', at most 63")
    signal = Signal[reading.choice(found["signal"], f"{path}.signal", [s.name.lower() for s in Signal]).upper()]
    match = control_match.parse(found.get("match", {}), f"{path}.match", signal)
    action = _action(found["action"], f"{path}.action", signal)
    if signal is Signal.METRICS and isinstance(action, Rename) and not _one_name(match):
        raise InvalidRule(f"{path}.match", "renaming metrics needs the one name that is meant: name: {equals: ...}")
    if (
        signal is Signal.METRICS
        and not isinstance(action, Allow | Deny)
        and "attributes" in control_match.places(match)
    ):
        raise InvalidRule(f"{path}.match", "data points can only be allowed or denied: their metric goes as a whole")
    _stays_inside(action, match, path)
    return ControlRule(name, signal, match, action)


def _stays_inside(action: Action, match: Match, path: str) -> None:
    """What items share may depend on nothing that is one item's."""
    place = getattr(action, "place", "")
    if place in ("resource", "scope") and not control_match.places(match) <= {"resource", place}:
        raise InvalidRule(f"{path}.match", f"a {place} is shared by its items: match it by what they share")


def _one_name(match: Match) -> bool:
    return isinstance(match, All) and any(
        isinstance(part, Condition) and part.field == NAME and part.operator is Operator.IN and len(part.values) == 1
        for part in match.parts
    )


def _action(value: object, path: str, signal: Signal) -> Action:
    if value == "allow":
        return Allow()
    if value == "deny":
        return Deny()
    if not isinstance(value, Mapping) or len(value) != 1:
        raise InvalidRule(path, f"must be allow, deny, or one of {', '.join(_ACTIONS)} with what it needs")
    verb = reading.choice(next(iter(value)), path, _ACTIONS)
    return _ACTIONS[verb](value[verb], f"{path}.{verb}", signal)


def _place(found: Mapping[str, object], path: str, signal: Signal) -> str:
    if signal is Signal.METRICS:
        raise InvalidRule(path, _LABELS)
    known = (
        ("attributes", "resource", "scope", "events", "links")
        if signal is Signal.TRACES
        else ("attributes", "resource", "scope")
    )
    return reading.choice(found.get("in", "attributes"), f"{path}.in", known)


def _keys(value: object, path: str) -> tuple[str, ...]:
    return reading.items(value, path, reading.text, _MOST_KEYS)


def _drop_attributes(value: object, path: str, signal: Signal) -> DropAttributes:
    found = reading.fields(value, path, ("in", "keys"), ("keys",))
    return DropAttributes(_place(found, path, signal), _keys(found["keys"], f"{path}.keys"))


def _rename_attribute(value: object, path: str, signal: Signal) -> RenameAttribute:
    found = reading.fields(value, path, ("in", "key", "to"), ("key", "to"))
    key, to = (reading.text(found[name], f"{path}.{name}") for name in ("key", "to"))
    return RenameAttribute(_place(found, path, signal), key, to)


def _set_attribute(value: object, path: str, signal: Signal) -> SetAttribute:
    found = reading.fields(value, path, ("in", "key", "value"), ("key", "value"))
    place = _place(found, path, signal)
    if place in ("events", "links"):
        raise InvalidRule(f"{path}.in", "must be attributes, resource or scope")
    new = found["value"]
    if not isinstance(new, str | bool | int | float) or (isinstance(new, int) and not -(1 << 63) <= new < 1 << 63):
        raise InvalidRule(f"{path}.value", "must be text, true, false, or a number of 64 bits")
    return SetAttribute(place, reading.text(found["key"], f"{path}.key"), new)


_CHANGES = ("regex", "replace", "lower", "truncate")


def _change(found: Mapping[str, object], path: str) -> Change:
    if ("regex" in found) != ("replace" in found):
        raise InvalidRule(path, "regex and replace go together")
    pattern = re2.pattern(found["regex"], f"{path}.regex") if "regex" in found else ""
    new = re2.replacement(found["replace"], f"{path}.replace", pattern) if pattern else ""
    lower = reading.flag(found.get("lower", False), f"{path}.lower")
    truncate = reading.number(found["truncate"], f"{path}.truncate", 1, 1 << 20) if "truncate" in found else 0
    if not (pattern or lower or truncate):
        raise InvalidRule(path, "needs regex and replace, lower or truncate")
    return Change(pattern, new, lower, truncate)


def _normalise(value: object, path: str, signal: Signal) -> Normalise:
    found = reading.fields(value, path, ("in", "keys", *_CHANGES), ("keys",))
    return Normalise(_place(found, path, signal), _keys(found["keys"], f"{path}.keys"), _change(found, path))


def _rename(value: object, path: str, signal: Signal) -> Rename:
    if signal is Signal.LOGS:
        raise InvalidRule(path, "log records have no name; set an attribute instead")
    found = reading.fields(value, path, ("to", *_CHANGES) if signal is Signal.TRACES else ("to",))
    if "to" in found:
        if len(found) > 1:
            raise InvalidRule(path, "to stands alone")
        return Rename(reading.text(found["to"], f"{path}.to"), Change())
    if signal is Signal.METRICS:
        raise InvalidRule(f"{path}.to", "is missing")
    return Rename("", _change(found, path))


def _route(value: object, path: str, signal: Signal) -> Route:
    found = reading.fields(value, path, ("topic",), ("topic",))
    topic = reading.text(found["topic"], f"{path}.topic")
    if not _NAME.fullmatch(topic):
        raise InvalidRule(f"{path}.topic", "must be lower-case letters, digits, '-' and '_', at most 63")
    return Route(f"{signal.topic}.{topic}")


_ACTIONS: Mapping[str, Callable[[object, str, Signal], Action]] = {
    "drop_attributes": _drop_attributes,
    "rename_attribute": _rename_attribute,
    "set_attribute": _set_attribute,
    "normalise": _normalise,
    "rename": _rename,
    "route": _route,
}
