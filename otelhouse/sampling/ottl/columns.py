"""Values of an expression for all rows at once, and how OTTL compares and calculates them.

Sources: pkg/ottl/compare.go, math.go.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.sampling.ottl.tree import CompareOp, MathOp
from schema.arrays import F64, I64, Mask


class Kind(IntEnum):
    """Of a value."""

    NIL = 0
    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    BYTES = 5
    OTHER = 6
    """Lists and maps: they are there, and equal nothing."""


@dataclass(frozen=True)
class Column:
    """One value for all rows (length 1), or one a row.

    `ints` holds BOOL and INT, `floats` FLOAT, `texts` STRING, BYTES in hexadecimal and OTHER as JSON (a StringArray or
    StringScalar); what is of another kind is zero or empty there. `failed`: rows whose value could not be made.
    """

    kinds: npt.NDArray[np.int8]
    ints: I64
    floats: F64
    texts: Any
    failed: Mask = field(default_factory=lambda: np.zeros(1, np.bool_))


_NO_TEXT = pa.scalar("", pa.string())
_NONE = np.zeros(1, np.int64)
_NO_FLOAT = np.zeros(1, np.float64)


def literal(value: bool | int | float | str | None) -> Column:
    """The same for all rows."""
    if value is None:
        return Column(np.array([Kind.NIL], np.int8), _NONE, _NO_FLOAT, _NO_TEXT)
    if isinstance(value, bool):
        return Column(np.array([Kind.BOOL], np.int8), np.array([int(value)], np.int64), _NO_FLOAT, _NO_TEXT)
    if isinstance(value, int):
        return integers(np.array([value], np.int64))
    if isinstance(value, float):
        return Column(np.array([Kind.FLOAT], np.int8), _NONE, np.array([value]), _NO_TEXT)
    return Column(np.array([Kind.STRING], np.int8), _NONE, _NO_FLOAT, pa.scalar(value, pa.string()))


def integers(values: npt.NDArray[Any]) -> Column:
    """All are integers."""
    return Column(np.array([Kind.INT], np.int8), values.astype(np.int64), _NO_FLOAT, _NO_TEXT)


def strings(values: pa.Array) -> Column:
    """All are text."""
    return Column(np.array([Kind.STRING], np.int8), _NONE, _NO_FLOAT, values)


_COMPARES: dict[CompareOp, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "==": (operator.eq, pc.equal),
    "!=": (operator.ne, pc.not_equal),
    "<": (operator.lt, pc.less),
    "<=": (operator.le, pc.less_equal),
    ">": (operator.gt, pc.greater),
    ">=": (operator.ge, pc.greater_equal),
}


def compare(op: CompareOp, left: Column, right: Column) -> Mask:
    """Values of kinds that do not compare differ, and are neither less nor more; nil equals nil alone."""
    numbers, texts = _COMPARES[op]
    one, other = left.kinds, right.kinds
    both = one == other
    found = np.full(np.broadcast_shapes(one.shape, other.shape, left.ints.shape, right.ints.shape), op == "!=")
    found = np.where(both & (one == Kind.NIL), op in ("==", "<=", ">="), found)
    found = np.where(both & ((one == Kind.BOOL) | (one == Kind.INT)), numbers(left.ints, right.ints), found)
    float_pair = _is_number(one) & _is_number(other) & ((one == Kind.FLOAT) | (other == Kind.FLOAT))
    found = np.where(float_pair, numbers(_as_float(left), _as_float(right)), found)
    pair = both & ((one == Kind.STRING) | (one == Kind.BYTES))
    if pair.any():
        found = np.where(pair, flags(texts(left.texts, right.texts)), found)
    return np.asarray(found)


_MATHS: dict[MathOp, Callable[..., Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def calculate(op: MathOp, left: Column, right: Column) -> Column:
    """Of integers an integer (a quotient is cut), of floats and both a float; of anything else, and by zero, none."""
    ints = (left.kinds == Kind.INT) & (right.kinds == Kind.INT)
    numeric = _is_number(left.kinds) & _is_number(right.kinds)
    with np.errstate(all="ignore"):
        if op == "/":
            divisor = np.where(right.ints == 0, 1, right.ints)
            whole = np.trunc(left.ints / divisor).astype(np.int64)
            fraction = _as_float(left) / _as_float(right)
            fails = ~numeric | (_as_float(right) == 0)
        else:
            whole = _MATHS[op](left.ints, right.ints)
            fraction = _MATHS[op](_as_float(left), _as_float(right))
            fails = ~numeric
    kinds = np.where(ints, np.int8(Kind.INT), np.int8(Kind.FLOAT)).astype(np.int8)
    return Column(kinds, whole, fraction, _NO_TEXT, left.failed | right.failed | fails)


def flags(found: Any) -> Mask:
    """bool[rows] of an Arrow array or scalar."""
    if isinstance(found, pa.Scalar):
        return np.array([bool(found.as_py())])
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _is_number(kinds: npt.NDArray[np.int8]) -> Mask:
    return np.asarray((kinds == Kind.INT) | (kinds == Kind.FLOAT))


def _as_float(column: Column) -> F64:
    return np.where(column.kinds == Kind.FLOAT, column.floats, column.ints.astype(np.float64))
