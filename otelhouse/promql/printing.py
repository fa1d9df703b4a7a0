"""Text of an expression's tree: what Prometheus would read as the same expression."""

from __future__ import annotations

import json

from otelhouse.promql.numbers import general
from otelhouse.promql.selectors import NAME_LABEL, Matcher, Selector, metric_of
from otelhouse.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Invariant,
    Matching,
    Negate,
    Node,
    Number,
    Range,
    Recorded,
    Select,
    String,
    Subquery,
)


def printed(node: Node) -> str:
    """On one line; operators inside operators stand in parentheses."""
    match node:
        case Number():
            return general(node.value)
        case String():
            return json.dumps(node.value, ensure_ascii=False)
        case Select():
            return f"{_selector(node.selector)}{_moved(node.offset_ms, node.at_ms)}"
        case Range():
            inner = node.select
            return f"{_selector(inner.selector)}[{duration(node.range_ms)}]{_moved(inner.offset_ms, inner.at_ms)}"
        case Subquery():
            step = "" if node.step_ms is None else duration(node.step_ms)
            return f"{_operand(node.expr)}[{duration(node.range_ms)}:{step}]{_moved(node.offset_ms, node.at_ms)}"
        case Call():
            return f"{node.name}({', '.join(map(printed, node.args))})"
        case Aggregate():
            return _aggregate(node)
        case Binary():
            as_bool = " bool" if node.as_bool else ""
            return f"{_operand(node.left)} {node.op}{as_bool}{_matching(node.matching)} {_operand(node.right)}"
        case Negate():
            return f"-{_operand(node.expr)}"
        case Invariant() | Recorded():
            return printed(node.expr)


def duration(ms: int) -> str:
    """As Prometheus writes it: `5m`, `1h30m`, `1500ms`."""
    found, rest = "", ms
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, rest = divmod(rest, size)
        found += f"{count}{unit}" if count else ""
    return found or "0s"


def _operand(node: Node) -> str:
    return f"({printed(node)})" if isinstance(node, Binary | Negate) else printed(node)


def _selector(selector: Selector) -> str:
    name = metric_of(selector)
    plain = name is not None and name.replace("_", "a").replace(":", "a").isalnum() and name.isascii()
    named = next((each for each in selector if each.name == NAME_LABEL and each.value == name), None) if plain else None
    others = ", ".join(_matcher(each) for each in selector if each is not named)
    return f"{name if named else ''}{{{others}}}" if others or not named else str(name)


def _matcher(matcher: Matcher) -> str:
    return f"{matcher.name}{matcher.type.value}{json.dumps(matcher.value, ensure_ascii=False)}"


def _moved(offset_ms: int, at_ms: int | None) -> str:
    at = "" if at_ms is None else f" @ {at_ms / 1000:.3f}"
    sign = "-" if offset_ms < 0 else ""
    return at + (f" offset {sign}{duration(abs(offset_ms))}" if offset_ms else "")


def _aggregate(node: Aggregate) -> str:
    group = f" {'by' if node.by else 'without'} ({', '.join(node.labels)})" if node.labels or not node.by else ""
    param = "" if node.param is None else f"{printed(node.param)}, "
    return f"{node.op}{group}{' ' if group else ''}({param}{printed(node.expr)})"


def _matching(matching: Matching) -> str:
    on = f" {'on' if matching.on else 'ignoring'} ({', '.join(matching.labels)})"
    found = on if matching.on or matching.labels else ""
    if matching.cardinality in (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY):
        side = "left" if matching.cardinality is Cardinality.MANY_TO_ONE else "right"
        found += f" group_{side} ({', '.join(matching.include)})"
    return found
