"""What a condition is made of, once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as One

CompareOp = One["==", "!=", "<", "<=", ">", ">="]
MathOp = One["+", "-", "*", "/"]


@dataclass(frozen=True)
class Literal:
    """A value that stands there; None is nil."""

    value: bool | int | float | str | None


@dataclass(frozen=True)
class Path:
    """`names`: such as ("resource", "attributes"); `key`: in brackets behind it, if any."""

    names: tuple[str, ...]
    key: str | None = None


@dataclass(frozen=True)
class Call:
    """A function of values."""

    name: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True)
class Math:
    """Arithmetic of two values."""

    op: MathOp
    left: Value
    right: Value


@dataclass(frozen=True)
class Compare:
    """A comparison of two values."""

    op: CompareOp
    left: Value
    right: Value


@dataclass(frozen=True)
class Truth:
    """A value that is true or false by itself: a function or a constant."""

    value: Value


@dataclass(frozen=True)
class Not:
    """The opposite."""

    condition: Condition


@dataclass(frozen=True)
class Both:
    """`and`."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Either:
    """`or`."""

    left: Condition
    right: Condition


Value = Literal | Path | Call | Math
Condition = Compare | Truth | Not | Both | Either
