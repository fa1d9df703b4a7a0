"""/format_query and /parse_query: an expression written anew, and as a tree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import promql_parser

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.parsing import Parsed, parse
from otelhouse.promql.selectors import selector
from query.prometheus.answer import Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import invalid_parameter
from query.prometheus.samples_text import value_text

Tree = dict[str, Any]


async def format_query(asked: Asked) -> Answer:
    """The expression in the usual form."""
    text = asked.parameters.text("query")
    _parsed(text)
    try:
        return Answer.of(promql_parser.parse(text).prettify())
    except ValueError as error:
        raise invalid_parameter("query", f"cannot be formatted: {error}") from None


async def parse_query(asked: Asked) -> Answer:
    """The expression's tree."""
    parsed = _parsed(asked.parameters.text("query"))
    return Answer.of(_tree(parsed.expression, parsed))


def _parsed(text: str) -> Parsed:
    try:
        return parse(text)
    except PromQLError as error:
        raise invalid_parameter("query", str(error)) from None


def _tree(node: Any, parsed: Parsed) -> Tree:
    return _WRITERS[type(node)](node, parsed)


def _aggregation(node: Any, parsed: Parsed) -> Tree:
    modifier = node.modifier
    return {
        "type": "aggregation",
        "op": str(node.op),
        "expr": _tree(node.expr, parsed),
        "param": None if node.param is None else _tree(node.param, parsed),
        "grouping": list(modifier.labels) if modifier is not None else [],
        "without": modifier is not None and modifier.type == promql_parser.AggModifierType.Without,
    }


_CARDS = {
    "VectorMatchCardinality.OneToOne": "one-to-one",
    "VectorMatchCardinality.ManyToOne": "many-to-one",
    "VectorMatchCardinality.OneToMany": "one-to-many",
    "VectorMatchCardinality.ManyToMany": "many-to-many",
}


def _binary(node: Any, parsed: Parsed) -> Tree:
    left, right, modifier = _tree(node.lhs, parsed), _tree(node.rhs, parsed), node.modifier
    scalars = (promql_parser.NumberLiteral,)
    matching = None
    if not isinstance(node.lhs, scalars) and not isinstance(node.rhs, scalars):
        labels = modifier.matching if modifier is not None else None
        many = str(node.op) in ("and", "or", "unless")
        matching = {
            "card": _CARDS[str(modifier.card)] if modifier is not None else "many-to-many" if many else "one-to-one",
            "labels": list(labels.labels) if labels is not None else [],
            "on": labels is not None and labels.type == promql_parser.LabelModifierType.Include,
            "include": list((modifier.group_labels if modifier is not None else None) or []),
        }
    returns_bool = modifier is not None and modifier.return_bool
    return {
        "type": "binaryExpr",
        "op": str(node.op),
        "lhs": left,
        "rhs": right,
        "matching": matching,
        "bool": returns_bool,
    }


def _call(node: Any, parsed: Parsed) -> Tree:
    function = node.func
    return {
        "type": "call",
        "func": {
            "name": function.name,
            "argTypes": [_type(each) for each in function.arg_types],
            "variadic": function.variadic,
            "returnType": _type(function.return_type),
        },
        "args": [_tree(each, parsed) for each in node.args],
    }


def _vector(node: Any, parsed: Parsed) -> Tree:
    matchers = selector(node, parsed)
    name = node.name or ""
    ordered = [*matchers[1:], matchers[0]] if name else matchers
    return {
        "type": "vectorSelector",
        "name": name,
        "matchers": [{"name": each.name, "type": each.type.value, "value": each.value} for each in ordered],
        **_time(node, parsed),
    }


def _matrix(node: Any, parsed: Parsed) -> Tree:
    return {**_vector(node.vector_selector, parsed), "type": "matrixSelector", "range": _ms(node.range)}


def _subquery(node: Any, parsed: Parsed) -> Tree:
    times = {"range": _ms(node.range), "step": _ms(node.step), **_time(node, parsed)}
    return {"type": "subquery", "expr": _tree(node.expr, parsed), **times}


def _time(node: Any, parsed: Parsed) -> Tree:
    at, words = node.at, {"AtModifierType.Start": "start", "AtModifierType.End": "end"}
    start_or_end = words.get(str(at.type)) if at is not None else None
    timestamp = parsed.at_ms[round(at.at.timestamp())] if at is not None and start_or_end is None else None
    return {"offset": _ms(node.offset), "timestamp": timestamp, "startOrEnd": start_or_end}


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // timedelta(milliseconds=1)


def _type(kind: Any) -> str:
    return str(kind).rpartition(".")[2].lower()


_WRITERS: dict[Any, Callable[[Any, Parsed], Tree]] = {
    promql_parser.AggregateExpr: _aggregation,
    promql_parser.BinaryExpr: _binary,
    promql_parser.Call: _call,
    promql_parser.MatrixSelector: _matrix,
    promql_parser.VectorSelector: _vector,
    promql_parser.SubqueryExpr: _subquery,
    promql_parser.NumberLiteral: lambda node, _: {"type": "numberLiteral", "val": value_text(node.val)},
    promql_parser.StringLiteral: lambda node, _: {"type": "stringLiteral", "val": node.val},
    promql_parser.ParenExpr: lambda node, parsed: {"type": "parenExpr", "expr": _tree(node.expr, parsed)},
    promql_parser.UnaryExpr: lambda node, parsed: {
        "type": "unaryExpr", "op": "-", "expr": _tree(node.expr, parsed)
    },
}  # fmt: skip
