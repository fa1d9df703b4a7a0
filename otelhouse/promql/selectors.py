"""The vector selectors of a PromQL expression: which series it asks about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import promql_parser

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.parsing import Parsed, parse
from otelhouse.promql.patterns import matches

NAME_LABEL = "__name__"


class MatchType(Enum):
    """How a label's value is compared; a label that is not there has the empty value. Patterns are RE2 and anchored."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; the metric's name is `__name__`."""

    name: str
    type: MatchType
    value: str


Selector = tuple[Matcher, ...]
"""All must hold."""

_TYPES = {
    "MatchOp.Equal": MatchType.EQUAL,
    "MatchOp.NotEqual": MatchType.NOT_EQUAL,
    "MatchOp.Re": MatchType.REGEX,
    "MatchOp.NotRe": MatchType.NOT_REGEX,
}
_CHILDREN = ("expr", "lhs", "rhs", "param", "vector_selector")


def metric_of(selector: Selector) -> str | None:
    """The name that all series of a selector have; None if it does not say."""
    named = (each.value for each in selector if each.name == NAME_LABEL and each.type is MatchType.EQUAL)
    return next(named, None)


def holds(matcher: Matcher, value: str) -> bool:
    """Does it hold for a label's value?"""
    if matcher.type in (MatchType.EQUAL, MatchType.NOT_EQUAL):
        return (value == matcher.value) == (matcher.type is MatchType.EQUAL)
    return matches(matcher.value, value) == (matcher.type is MatchType.REGEX)


def selectors(query: str) -> list[Selector]:
    """All that occur in an expression, each once, in the order of the text. Raises PromQLError."""
    parsed = parse(query)
    return list(dict.fromkeys(selector(found, parsed) for found in _found(parsed.expression)))


def selector(found: promql_parser.VectorSelector, parsed: Parsed) -> Selector:
    """Of one place in an expression. Raises PromQLError."""
    if found.matchers.or_matchers:
        raise PromQLError("'or' between matchers is not PromQL")
    named = (Matcher(NAME_LABEL, MatchType.EQUAL, found.name),) if found.name else ()
    return (*named, *(_matcher(each, parsed) for each in found.matchers.matchers))


def _matcher(found: promql_parser.Matcher, parsed: Parsed) -> Matcher:
    kind = _TYPES[str(found.op)]
    is_pattern = kind in (MatchType.REGEX, MatchType.NOT_REGEX)
    return Matcher(found.name, kind, parsed.pattern(found.value) if is_pattern else found.value)


def _found(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
        return
    for name in _CHILDREN:
        if (child := getattr(expression, name, None)) is not None:
            yield from _found(child)
    for child in getattr(expression, "args", None) or ():
        yield from _found(child)
