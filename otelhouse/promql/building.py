"""From the library's syntax tree to ours: types are checked, `start()` and `end()` become times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import promql_parser

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.functions.info import DEFAULT
from otelhouse.promql.invariance import marked
from otelhouse.promql.parsing import Parsed, parse
from otelhouse.promql.selectors import NAME_LABEL, selector
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Matching,
    Negate,
    Node,
    Number,
    Range,
    Select,
    String,
    Subquery,
    Type,
    children,
    type_of,
)

_TYPES = {"Vector": Type.VECTOR, "Scalar": Type.SCALAR, "Matrix": Type.MATRIX, "String": Type.STRING}
_CARDINALITIES = {
    "OneToOne": Cardinality.ONE_TO_ONE,
    "ManyToOne": Cardinality.MANY_TO_ONE,
    "OneToMany": Cardinality.ONE_TO_MANY,
    "ManyToMany": Cardinality.MANY_TO_MANY,
}
_MOST_DEPTH = 150
"""Later passes descend by recursion too: Python ends at 1,000 frames."""
_NEWER = frozenset(("start", "end", "step", "range", "histogram_quantiles"))
"""Functions that the library knows, but not Prometheus 3.5."""
_FLAG = "promql-experimental-functions"


def build(text: str, steps: Steps, settings: Settings) -> Node:
    """The tree of an expression, for these steps. Raises PromQLError."""
    parsed = parse(text)
    return marked(_Builder(parsed, steps, settings).node(parsed.expression, 0))


class _Builder:
    def __init__(self, parsed: Parsed, steps: Steps, settings: Settings) -> None:
        self._parsed = parsed
        self._steps = steps
        self._settings = settings

    def node(self, found: Any, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise PromQLError(f"the expression nests more than {_MOST_DEPTH} deep")
        match found:
            case promql_parser.NumberLiteral():
                # Equal nodes are evaluated once, and -0 equals 0.
                return Negate(Number(0.0)) if repr(found.val) == "-0.0" else Number(found.val)
            case promql_parser.StringLiteral():
                return String(found.val)
            case promql_parser.ParenExpr():
                return self.node(found.expr, depth + 1)
            case promql_parser.VectorSelector():
                return self._select(found)
            case promql_parser.MatrixSelector():
                return Range(self._select(found.vector_selector), _ms(found.range))
            case promql_parser.SubqueryExpr():
                step = None if found.step is None else _ms(found.step)
                expr = self.node(found.expr, depth + 1)
                return Subquery(expr, _ms(found.range), step, _ms(found.offset), self._at(found.at))
            case promql_parser.UnaryExpr():
                return Negate(self.node(found.expr, depth + 1))
            case promql_parser.BinaryExpr():
                return self._binary(found, depth)
            case promql_parser.AggregateExpr():
                return self._aggregate(found, depth)
            case promql_parser.Call():
                return self._call(found, depth)
        raise PromQLError(f"an expression of an unknown kind: {type(found).__name__}")

    def _select(self, found: promql_parser.VectorSelector) -> Select:
        return Select(selector(found, self._parsed), _ms(found.offset), self._at(found.at))

    def _at(self, found: Any) -> int | None:
        match None if found is None else str(found.type).rpartition(".")[2]:
            case None:
                return None
            case "Start":
                return self._steps.start_ms
            case "End":
                return self._steps.end_ms
            case _:
                return self._parsed.at_ms[int(found.at.timestamp())]

    def _binary(self, found: promql_parser.BinaryExpr, depth: int) -> Binary:
        left, right = self.node(found.lhs, depth + 1), self.node(found.rhs, depth + 1)
        op, modifier = str(found.op), found.modifier
        both = (type_of(left), type_of(right))
        if any(each not in (Type.SCALAR, Type.VECTOR) for each in both):
            raise PromQLError("binary expression must contain only scalar and instant vector types")
        matching = _matching(modifier) if modifier is not None else Matching()
        as_bool = modifier is not None and modifier.return_bool
        if as_bool and op not in COMPARISONS:
            raise PromQLError("bool modifier can only be used on comparison operators")
        if both == (Type.SCALAR, Type.SCALAR) and op in COMPARISONS and not as_bool:
            raise PromQLError("comparisons between scalars must use BOOL modifier")
        if Type.SCALAR in both and op in SET_OPERATORS:
            raise PromQLError(f'set operator "{op}" not allowed in binary scalar expression')
        if Type.SCALAR in both and matching.labels:
            raise PromQLError("vector matching only allowed between instant vectors")
        if matching.on and (twice := [each for each in matching.labels if each in matching.include]):
            raise PromQLError(f'label "{twice[0]}" must not occur in ON and GROUP clause at once')
        return Binary(op, left, right, as_bool, matching)

    def _aggregate(self, found: promql_parser.AggregateExpr, depth: int) -> Aggregate:
        op = str(found.op)
        if op in ("limitk", "limit_ratio") and not self._settings.enable_experimental:
            raise PromQLError(f"{op}() is experimental and must be enabled with --enable-feature={_FLAG}")
        expr = self.node(found.expr, depth + 1)
        if type_of(expr) is not Type.VECTOR:
            raise PromQLError(f"expected type instant vector in aggregation expression, got {_name(expr)}")
        param = None if found.param is None else self.node(found.param, depth + 1)
        wanted = Type.STRING if op == "count_values" else Type.SCALAR
        if param is not None and type_of(param) is not wanted:
            raise PromQLError(f"expected type {wanted.value} in aggregation parameter, got {_name(param)}")
        modifier = found.modifier
        if modifier is not None and "" in modifier.labels:
            raise PromQLError('invalid label name for grouping: ""')
        by = modifier is None or str(modifier.type).endswith("By")
        return Aggregate(op, expr, param, by, tuple(modifier.labels) if modifier is not None else ())

    def _call(self, found: promql_parser.Call, depth: int) -> Call:
        name = found.func.name
        if name in _NEWER:
            raise PromQLError(f'unknown function with name "{name}"')
        if found.func.experimental and not self._settings.enable_experimental:
            raise PromQLError(f'function "{name}" is not enabled')
        args = tuple(self.node(each, depth + 1) for each in found.args)
        if name == "info":
            if getattr(found.args[-1], "name", None) and len(args) > 1:
                raise PromQLError("expected label selectors only, got vector selector instead")
            args = _info_args(args)
        wanted = [_TYPES[str(each).rpartition(".")[2]] for each in found.func.arg_types]
        for i, arg in enumerate(args):
            if type_of(arg) is not (kind := wanted[min(i, len(wanted) - 1)]):
                raise PromQLError(f'expected type {_TYPE_NAMES[kind]} in call to function "{name}", got {_name(arg)}')
        return Call(name, args, _TYPES[str(found.func.return_type).rpartition(".")[2]])


_TYPE_NAMES = {
    Type.VECTOR: "instant vector",
    Type.MATRIX: "range vector",
    Type.SCALAR: "scalar",
    Type.STRING: "string",
}


def _info_args(args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The second argument, a selector of labels, becomes one of info series."""
    chosen = args[1] if len(args) > 1 else Select(())
    if not isinstance(chosen, Select):
        raise PromQLError(f"expected label selectors only, got {_name(chosen)}")
    if not any(each.name == NAME_LABEL for each in chosen.selector):
        chosen = replace(chosen, selector=(DEFAULT, *chosen.selector))
    first = _first_select(args[0])  # Prometheus looks at info series when it looks at this one
    return args[0], replace(chosen, offset_ms=first.offset_ms, at_ms=first.at_ms) if first else chosen


def _first_select(node: Node) -> Select | None:
    if isinstance(node, Select):
        return node
    found = (_first_select(each) for each in (children(node) if not isinstance(node, Range) else (node.select,)))
    return next((each for each in found if each is not None), None)


def _name(node: Node) -> str:
    return _TYPE_NAMES[type_of(node)]


def _ms(duration: timedelta | None) -> int:
    return 0 if duration is None else round(duration / timedelta(milliseconds=1))


def _matching(modifier: promql_parser.BinModifier) -> Matching:
    found = modifier.matching
    on = found is not None and str(found.type).endswith("Include")
    cardinality = _CARDINALITIES[str(modifier.card).rpartition(".")[2]]
    labels = tuple(found.labels) if found is not None else ()
    return Matching(cardinality, on, labels, tuple(modifier.group_labels or ()))
