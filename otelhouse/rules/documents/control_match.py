"""What a control rule matches: tests of an item's fields, which all hold, or any, or not.

    match:
      resource.service.name: checkout
      severity: {below: info}
      any:
        - attributes.http.route: {prefix: /internal/}
        - not: {body: {regex: "(?i)error"}}

A field that is absent passes no test but `{exists: false}`. Values are compared by their text, which for numbers
and booleans is that of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from otelhouse.rules.documents import re2, reading
from otelhouse.rules.errors import InvalidRule
from schema.signal import Signal

_MOST_DEPTH = 5
_MOST_VALUES = 1000

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
TYPES = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TEMPORALITIES = ("unspecified", "delta", "cumulative")
SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")
"""In their order, four severity numbers each from 1 on; a record without a number is `unspecified`."""


class Operator(StrEnum):
    """How a field's text is tested."""

    IN = "in"
    PREFIX = "prefix"
    REGEX = "regex"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Field:
    """Where the text stands: `place` is "resource" or "attributes" with the key in `name`, "scope" or "item"."""

    place: str
    name: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One test. `values`: texts, one for all operators but IN; for EXISTS "true" or "false"."""

    field: Field
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold; of no parts: always."""

    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Match


Match = Condition | All | Any | Not

NAME = Field("item", "name")

_WORDS: Mapping[Signal, Mapping[str, tuple[str, ...]]] = {
    Signal.TRACES: {"name": (), "kind": KINDS, "status": STATUSES},
    Signal.METRICS: {"name": (), "unit": (), "type": TYPES, "temporality": TEMPORALITIES},
    Signal.LOGS: {"body": (), "severity": ("unspecified", *SEVERITIES), "severity_text": (), "event_name": ()},
}
"""Fields of an item that can be tested, and the words that one may be; (): any text."""


def parse(value: object, path: str, signal: Signal, depth: int = 0) -> Match:
    """Raises InvalidRule."""
    if depth > _MOST_DEPTH:
        raise InvalidRule(path, f"is nested more than {_MOST_DEPTH} deep")
    parts: list[Match] = []
    for key, test in reading.mapping(value, path).items():
        inside = f"{path}.{key}"
        if key in ("any", "all"):
            several = reading.items(test, inside, lambda each, at: parse(each, at, signal, depth + 1), _MOST_VALUES)
            parts.append(Any(several) if key == "any" else All(several))
        elif key == "not":
            parts.append(Not(parse(test, inside, signal, depth + 1)))
        else:
            parts.append(_condition(key, test, inside, signal))
    return All(tuple(parts))


def _field(name: str, path: str, signal: Signal) -> tuple[Field, tuple[str, ...]]:
    """The field, and the words that it may be."""
    if name in ("scope.name", "scope.version"):
        return Field("scope", name), ()
    place, dot, key = name.partition(".")
    if dot and key and place == "resource":
        return Field(place, key), ()
    if dot and key and place == "attributes":
        return Field(place, key), ()
    words = _WORDS[signal]
    if name not in words:
        known = ("resource.KEY", "scope.name", "scope.version", *words, "attributes.KEY")
        raise InvalidRule(path, f"unknown; it must be one of {', '.join(known)}, any, all, not")
    return Field("item", name), words[name]


def _condition(name: str, test: object, path: str, signal: Signal) -> Condition:
    field, words = _field(name, path, signal)
    if not isinstance(test, Mapping):
        return Condition(field, Operator.IN, (_value(test, path, words),))
    if len(test) != 1:
        raise InvalidRule(path, "must be a value, or one test such as {prefix: /internal/}")
    verb, value = next(iter(test.items()))
    inside = f"{path}.{verb}"
    if verb == "equals":
        return Condition(field, Operator.IN, (_value(value, inside, words),))
    if verb == "in":
        several = reading.items(value, inside, lambda each, at: _value(each, at, words), _MOST_VALUES)
        return Condition(field, Operator.IN, several)
    if verb == "exists":
        return Condition(field, Operator.EXISTS, ("true" if reading.flag(value, inside) else "false",))
    if name == "severity" and verb in ("at_least", "below"):
        at = SEVERITIES.index(reading.choice(value, inside, SEVERITIES))
        return Condition(field, Operator.IN, SEVERITIES[at:] if verb == "at_least" else SEVERITIES[:at])
    if verb == "prefix":
        return Condition(field, Operator.PREFIX, (reading.text(value, inside),))
    if verb == "glob":
        return Condition(field, Operator.REGEX, (_glob(reading.text(value, inside)),))
    if verb == "regex":
        return Condition(field, Operator.REGEX, (re2.pattern(value, inside),))
    known = "equals, in, prefix, glob, regex, exists" + (", at_least, below" if name == "severity" else "")
    raise InvalidRule(inside, f"unknown; a test is one of {known}")


def _glob(text: str) -> str:
    """`*` is any text, `?` any one character; the whole text has to fit."""
    return "(?s)^" + "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in text) + "$"


def places(match: Match) -> set[str]:
    """Places of all fields that are tested."""
    if isinstance(match, Condition):
        return {match.field.place}
    parts = (match.part,) if isinstance(match, Not) else match.parts
    return set().union(*(places(part) for part in parts))


def _value(value: object, path: str, words: tuple[str, ...]) -> str:
    """The text that a value is compared as."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidRule(path, "must be text, a number, true or false")
    if words and value not in words:
        raise InvalidRule(path, f"must be one of {', '.join(words)}")
    return value
