"""Operators on numbers: arrays of both sides' values to an array of results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from schema.arrays import F64, Mask

ARITHMETIC: dict[str, Callable[..., F64]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.float_power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[..., Mask]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def scalars(op: str, left: F64, right: F64) -> F64:
    """float64[steps], of two such; comparisons yield 0 or 1."""
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    return COMPARISON[op](left, right).astype(np.float64)
