"""A rewrite: sub-trees that a recording rule covers are read as what was recorded of them.

A rule covers the expression that it aggregates itself, and coarser aggregations of the same: sums of sums, counts of
counts, minima, maxima, and means, which are kept as sums and counts; also of fewer series, where the matchers are on
labels that its points have. Whether the times fit is known when it is
evaluated: see the storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from otelhouse.promql.functions.ranges import KEEP_NAME
from otelhouse.promql.selectors import NAME_LABEL, Selector
from otelhouse.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Invariant,
    Negate,
    Node,
    Range,
    Recorded,
    Select,
    children,
    rebuilt,
)
from otelhouse.recording.rule import LOOKBACK_MS, StreamRule, plain


@dataclass(frozen=True, slots=True)
class Covered:
    """What is read: the points of a rule that the matchers select, aggregated once more; None: as they are."""

    rule: StreamRule
    matchers: Selector
    aggregate: Aggregate | None


def covered(tree: Node, rules: Sequence[StreamRule], lookback_ms: int = LOOKBACK_MS) -> Node:
    """The tree with Recorded around the largest sub-trees that a rule covers."""
    usable = [rule for rule in rules if rule.function or rule.range_ms == lookback_ms]
    return _covered(tree, usable) if usable else tree


def covering(node: Node, rules: Sequence[StreamRule]) -> Covered | None:
    """Of the rules that cover an expression, the one that is the closest to it."""
    wanted = plain(node)
    selector = _selector(wanted)
    found = []
    for rule in rules:
        if selector is None or not set(rule.selector) <= set(selector) or _hides(rule):
            continue
        matchers = tuple(each for each in selector if each not in rule.selector)
        if all(_keeps(rule, each.name) for each in matchers):
            like = _reading(wanted, rule.selector)
            if like == rule.node:
                return Covered(rule, matchers, None)
            if isinstance(like, Aggregate) and rule.aggregate is not None and _is_finer(rule.aggregate, like):
                found.append(Covered(rule, matchers, like))
    # The more labels a rule leaves out, the fewer points are read.
    return min(found, key=lambda each: _kept(each.rule.aggregate), default=None)


def _covered(node: Node, rules: Sequence[StreamRule]) -> Node:
    match node:
        case Aggregate() | Call() | Binary() | Negate():
            found = covering(node, rules)
            if found is not None:
                return Recorded(node, found)
        case Invariant():
            return node  # evaluated once, at a time of its own
    return rebuilt(node, lambda child: _covered(child, rules))


def _is_finer(rule: Aggregate, wanted: Aggregate) -> bool:
    """Do the rule's groups lie within those wanted, by labels that it keeps?"""
    if rule.op != wanted.op or rule.expr != wanted.expr or wanted.param is not None:
        return False
    mine, asked = set(rule.labels), set(wanted.labels)
    if wanted.by:
        return asked <= mine if rule.by else not asked & mine
    return not rule.by and mine <= asked


def _keeps(rule: StreamRule, label: str) -> bool:
    """Have all series of one of its points the same value of a label, and the point has it, too?"""
    if label == NAME_LABEL:
        return False
    if rule.aggregate is None:
        return True
    return (label in rule.aggregate.labels) == rule.aggregate.by


def _selector(node: Node) -> Selector | None:
    """The one that an expression reads; None if it reads by several."""
    match node:
        case Select():
            return node.selector
        case Range():
            return node.select.selector
        case _:
            found = {each for child in children(node) if (each := _selector(child)) is not None}
            return found.pop() if len(found) == 1 else None


def _reading(node: Node, selector: Selector) -> Node:
    """The same of other series."""
    match node:
        case Select():
            return replace(node, selector=selector)
        case Range():
            return replace(node, select=replace(node.select, selector=selector))
        case _:
            return rebuilt(node, lambda child: _reading(child, selector))


def _hides(rule: StreamRule) -> bool:
    """Is it unknown what labels the series have that the rule read? What it adds may stand in the place of others."""
    added = {name for name, _ in rule.labels}
    if rule.aggregate is None and (not rule.function or rule.function in KEEP_NAME):
        return True  # the metric's name is one of them
    if rule.aggregate is not None and rule.aggregate.by and NAME_LABEL in rule.aggregate.labels:
        return True
    if rule.aggregate is None or not rule.aggregate.by:
        return bool(added)
    return bool(added & set(rule.aggregate.labels))


def _kept(aggregate: Aggregate | None) -> tuple[int, int]:
    if aggregate is None:
        return 2, 0
    return (0, len(aggregate.labels)) if aggregate.by else (1, -len(aggregate.labels))
