"""A rewrite: sub-trees whose value is the same at every step are evaluated once.

Such are those whose selectors all have an `@`. As in Prometheus, literals alone are not worth it, and functions that
see the time of evaluation are not the same at every step.
"""

from __future__ import annotations

from otelhouse.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Invariant,
    Negate,
    Node,
    Number,
    Range,
    Recorded,
    Select,
    String,
    Subquery,
    rebuilt,
)

_SEE_THE_TIME = frozenset(
    (
        "days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year",
        "predict_linear", "time", "timestamp",
    )
)  # fmt: skip


def marked(node: Node) -> Node:
    """The tree with Invariant around the largest sub-trees that are. Range selectors stay with their function."""
    if _is_invariant(node):
        return node if isinstance(node, Number | String | Range | Subquery) else Invariant(node)
    return rebuilt(node, marked)


def _is_invariant(node: Node) -> bool:
    match node:
        case Number() | String():
            return True
        case Select() | Subquery():
            return node.at_ms is not None
        case Range():
            return node.select.at_ms is not None
        case Negate():
            return _is_invariant(node.expr)
        case Binary():
            return _is_invariant(node.left) and _is_invariant(node.right)
        case Aggregate():
            return _is_invariant(node.expr) and (node.param is None or _is_invariant(node.param))
        case Call():
            return node.name not in _SEE_THE_TIME and all(_is_invariant(each) for each in node.args)
        case Invariant():
            return True
        case Recorded():
            return False
