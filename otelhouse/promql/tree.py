"""The logical tree of an expression: immutable, its types checked, its times resolved. Parentheses are gone."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from enum import Enum

from otelhouse.promql.selectors import Selector


class Type(Enum):
    """What an expression yields, as the API names it."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class String:
    """A literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Select:
    """An instant selector. It looks at `at_ms` instead of the step's time, where that is given; `offset_ms` earlier."""

    selector: Selector
    offset_ms: int = 0
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """A range selector: the samples in (t - range_ms, t]."""

    select: Select
    range_ms: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression at the multiples of its own step in (t - range_ms, t]; `step_ms` is None for the default."""

    expr: Node
    range_ms: int
    step_ms: int | None
    offset_ms: int = 0
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function's value, of the type `type`."""

    name: str
    args: tuple[Node, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`by` the labels, or without them."""

    op: str
    expr: Node
    param: Node | None
    by: bool
    labels: tuple[str, ...]


class Cardinality(Enum):
    """How many series of the left side match how many of the right one."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two vectors find each other: `on` the labels, or on all but them. `include`: of the one side."""

    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """`as_bool`: a comparison that yields 0 or 1 instead of filtering."""

    op: str
    left: Node
    right: Node
    as_bool: bool
    matching: Matching


@dataclass(frozen=True, slots=True)
class Negate:
    """The unary minus."""

    expr: Node


@dataclass(frozen=True, slots=True)
class Invariant:
    """An expression that has the same value at every step: it is evaluated at the first one only."""

    expr: Node


@dataclass(frozen=True, slots=True)
class Recorded:
    """An expression whose value was recorded at some times. `source`: what the storage knows that by."""

    expr: Node
    source: Hashable


Node = Number | String | Select | Range | Subquery | Call | Aggregate | Binary | Negate | Invariant | Recorded


def children(node: Node) -> tuple[Node, ...]:
    """The expressions that it is made of."""
    match node:
        case Subquery() | Negate() | Invariant() | Recorded():
            return (node.expr,)
        case Binary():
            return (node.left, node.right)
        case Aggregate():
            return (node.expr,) if node.param is None else (node.expr, node.param)
        case Call():
            return node.args
        case _:
            return ()


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same, of children that were changed."""
    match node:
        case Subquery() | Negate() | Invariant() | Recorded():
            return replace(node, expr=change(node.expr))
        case Binary():
            return replace(node, left=change(node.left), right=change(node.right))
        case Aggregate():
            return replace(node, expr=change(node.expr), param=None if node.param is None else change(node.param))
        case Call():
            return replace(node, args=tuple(map(change, node.args)))
        case _:
            return node


COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
SET_OPERATORS = frozenset(("and", "or", "unless"))


def type_of(node: Node) -> Type:
    """What it yields."""
    match node:
        case Number():
            return Type.SCALAR
        case String():
            return Type.STRING
        case Range() | Subquery():
            return Type.MATRIX
        case Call():
            return node.type
        case Negate() | Invariant() | Recorded():
            return type_of(node.expr)
        case Binary():
            both = (type_of(node.left), type_of(node.right))
            return Type.SCALAR if both == (Type.SCALAR, Type.SCALAR) else Type.VECTOR
        case _:
            return Type.VECTOR
