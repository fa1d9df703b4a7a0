"""The tree as SQL text with server-side parameters. Nothing is printed that has not passed its check here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from query.plan.tree import (
    Alias,
    Call,
    Column,
    Expression,
    Lambda,
    Number,
    Order,
    Param,
    Select,
    Source,
    Value,
    conjuncts,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPE = re.compile(r"[A-Z][A-Za-z0-9]*(\([A-Za-z0-9]+\))?")


class PlanError(Exception):
    """A tree that must not run: a fault of ours, never of a client."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Text for the server, and the values of its parameters by name."""

    sql: str
    parameters: dict[str, Value]


def statement(select: Select) -> Statement:
    """Print a tree. Raises PlanError if a source of it, at any depth, does not name its tenant."""
    printer = _Printer()
    return Statement(printer.select(select), printer.parameters)


@dataclass(slots=True)
class _Printer:
    parameters: dict[str, Value] = field(default_factory=dict)

    def select(self, select: Select) -> str:
        clauses = [
            "SELECT " + ("DISTINCT " if select.distinct else "") + ", ".join(map(self._alias, select.columns)),
            f"FROM {_name(select.source.table)}",
            "WHERE " + " AND ".join(map(self.expression, (_scoped(select.source), *select.where))),
        ]
        if select.group_by:
            clauses.append("GROUP BY " + self._list(select.group_by))
        if select.having:
            clauses.append("HAVING " + " AND ".join(map(self.expression, select.having)))
        if select.order_by:
            clauses.append("ORDER BY " + ", ".join(map(self._order, select.order_by)))
        if select.limit_by:
            clauses.append(f"LIMIT {int(select.limit_by[0])} BY {self._list(select.limit_by[1])}")
        if select.limit is not None:
            clauses.append(f"LIMIT {int(select.limit)}")
        if select.offset:
            clauses.append(f"OFFSET {int(select.offset)}")
        return " ".join(clauses)

    def expression(self, expression: Expression) -> str:
        match expression:
            case Column(name):
                return _name(name)
            case Number(value):
                return str(int(value))
            case Param():
                return self._parameter(expression)
            case Call(name, args, constants):
                parametric = "(" + ", ".join(repr(float(value)) for value in constants) + ")" if constants else ""
                return f"{_name(name)}{parametric}({self._list(args)})"
            case Lambda(variable, body):
                return f"{_name(variable)} -> {self.expression(body)}"
            case Select():
                return f"({self.select(expression)})"

    def _parameter(self, parameter: Param) -> str:
        if not _TYPE.fullmatch(parameter.type):
            raise PlanError(f"not a parameter's type: {parameter.type!r}")
        name = f"p{len(self.parameters)}"
        self.parameters[name] = parameter.value
        return f"{{{name}:{parameter.type}}}"

    def _list(self, expressions: tuple[Expression, ...]) -> str:
        return ", ".join(map(self.expression, expressions))

    def _alias(self, alias: Alias) -> str:
        return f"{self.expression(alias.expression)} AS {_name(alias.name)}"

    def _order(self, order: Order) -> str:
        return self.expression(order.expression) + (" DESC" if order.descending else "")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PlanError(f"not a name: {name!r}")
    return name


def _scoped(source: Source) -> Expression:
    for condition in conjuncts(source.predicate):
        match condition:
            case Call("equals", (Column("tenant"), Param("String", str(tenant)))) if tenant:
                return source.predicate
    raise PlanError(f"a read of {source.table} does not name its tenant")
