"""A rewrite: sub-trees that a recording rule covers are read as what was recorded of them.

A rule covers the expression that it aggregates itself, and coarser aggregations of the same: sums of sums, counts of
counts, minima, maxima, and means, which are kept as sums and counts. Whether the times fit is known when it is
evaluated: see the storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from otelhouse.promql.functions.ranges import KEEP_NAME
from otelhouse.promql.selectors import NAME_LABEL
from otelhouse.promql.tree import Aggregate, Binary, Call, Invariant, Negate, Node, Recorded, Subquery
from otelhouse.recording.rule import LOOKBACK_MS, StreamRule, plain


@dataclass(frozen=True, slots=True)
class Covered:
    """What is read: the points of a rule, aggregated once more; None: as they are."""

    rule: StreamRule
    aggregate: Aggregate | None


def covered(tree: Node, rules: Sequence[StreamRule], lookback_ms: int = LOOKBACK_MS) -> Node:
    """The tree with Recorded around the largest sub-trees that a rule covers."""
    usable = [rule for rule in rules if rule.function or rule.range_ms == lookback_ms]
    return _covered(tree, usable) if usable else tree


def covering(node: Node, rules: Sequence[StreamRule]) -> Covered | None:
    """Of the rules that cover an expression, the one that is the closest to it."""
    wanted = plain(node)
    exact = [Covered(rule, None) for rule in rules if rule.node == wanted and not _hides(rule)]
    if exact:
        return exact[0]
    if not isinstance(wanted, Aggregate) or wanted.param is not None:
        return None
    found = [rule for rule in rules if rule.aggregate is not None and _is_finer(rule.aggregate, wanted)]
    found = [rule for rule in found if not _hides(rule)]
    # The more labels a rule leaves out, the fewer points are read.
    best = min(found, key=lambda rule: _kept(rule.aggregate), default=None)
    return None if best is None else Covered(best, wanted)


def _covered(node: Node, rules: Sequence[StreamRule]) -> Node:
    match node:
        case Aggregate() | Call() | Binary() | Negate():
            found = covering(node, rules)
            if found is not None:
                return Recorded(node, found)
        case Invariant():
            return node  # evaluated once, at a time of its own
    match node:
        case Aggregate() | Negate() | Subquery():
            return replace(node, expr=_covered(node.expr, rules))
        case Binary():
            return replace(node, left=_covered(node.left, rules), right=_covered(node.right, rules))
        case Call():
            return replace(node, args=tuple(_covered(each, rules) for each in node.args))
        case _:
            return node


def _is_finer(rule: Aggregate, wanted: Aggregate) -> bool:
    """Do the rule's groups lie within those wanted, by labels that it keeps?"""
    if rule.op != wanted.op or rule.expr != wanted.expr:
        return False
    mine, asked = set(rule.labels), set(wanted.labels)
    if wanted.by:
        return asked <= mine if rule.by else not asked & mine
    return not rule.by and mine <= asked


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
