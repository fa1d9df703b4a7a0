"""Which series a PromQL selector asks for, as conditions on the table `series`."""

from __future__ import annotations

from otelhouse.promql.selectors import NAME_LABEL, Matcher, MatchType, Selector
from query.plan.tree import Column, Expression, all_of, call, equals, negated, text


def selects(selector: Selector) -> Expression:
    """All matchers hold; a label that is not there reads as empty, as PromQL has it."""
    return all_of(*map(_matches, selector))


def _matches(matcher: Matcher) -> Expression:
    name = matcher.name
    value = Column("metric") if name == NAME_LABEL else call("arrayElement", Column("labels"), text(name))
    if matcher.type in (MatchType.EQUAL, MatchType.NOT_EQUAL):
        found = equals(value, text(matcher.value))
    else:
        # PromQL's patterns match the whole value, and `.` matches line breaks.
        found = call("match", value, text(f"^(?s:{matcher.value})$"))
    return found if matcher.type in (MatchType.EQUAL, MatchType.REGEX) else negated(found)
