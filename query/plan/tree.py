"""A query as a frozen tree. Only a `Param` holds what a client said; it never becomes SQL text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | int | float | list[str] | list[int]


@dataclass(frozen=True, slots=True)
class Column:
    """A column, alias or lambda's variable by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A constant of ours."""

    value: int


@dataclass(frozen=True, slots=True)
class Param:
    """A value bound by the server, of a ClickHouse type: `{name:Type}`."""

    type: str
    value: Value


@dataclass(frozen=True, slots=True)
class Call:
    """A ClickHouse function; operators are called by their function's name (`equals`, `and`, `in`)."""

    name: str
    args: tuple[Expression, ...]
    constants: tuple[float, ...] = ()
    """Parameters of a parametric aggregate: `quantiles(0.5, 0.9)(x)`."""


@dataclass(frozen=True, slots=True)
class Lambda:
    """`variable -> body`."""

    variable: str
    body: Expression


@dataclass(frozen=True, slots=True)
class Alias:
    """An expression under a name, in a list of columns."""

    expression: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Order:
    """A sort key."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A table and the predicate that any read of it carries. Made by `query.source.source` alone."""

    table: str
    predicate: Expression


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT; also an expression, as the right side of `in`."""

    columns: tuple[Alias, ...]
    source: Source
    where: tuple[Expression, ...] = ()
    group_by: tuple[Expression, ...] = ()
    having: tuple[Expression, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit_by: tuple[int, tuple[Expression, ...]] | None = None
    limit: int | None = None
    offset: int = 0
    distinct: bool = False


Expression: TypeAlias = Column | Number | Param | Call | Lambda | Select


def call(name: str, *args: Expression) -> Call:
    """A function of these arguments."""
    return Call(name, args)


def equals(left: Expression, right: Expression) -> Call:
    return Call("equals", (left, right))


def all_of(*conditions: Expression) -> Expression:
    """Conjunction; of nothing, true."""
    return _joined("and", conditions, Number(1))


def any_of(*conditions: Expression) -> Expression:
    """Disjunction; of nothing, false."""
    return _joined("or", conditions, Number(0))


def negated(condition: Expression) -> Call:
    return Call("not", (condition,))


def text(value: str) -> Param:
    return Param("String", value)


def _joined(name: str, conditions: tuple[Expression, ...], empty: Number) -> Expression:
    if len(conditions) > 1:
        return Call(name, conditions)
    return conditions[0] if conditions else empty


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """The conditions that must all hold for this one to hold."""
    if isinstance(expression, Call) and expression.name == "and":
        for part in expression.args:
            yield from conjuncts(part)
    else:
        yield expression
