"""Functions of each value of an instant vector on its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from otelhouse.promql.values import Vector, nameless
from schema.arrays import F64


def mapped(name: str, vector: Vector, params: list[F64]) -> Vector:
    """The function of all values; scalar arguments are float64[steps] each. Raises ExecutionError."""
    if name == "clamp":
        possible = ~(params[0] > params[1])
        vector = Vector(vector.labels, vector.values, vector.present & possible).thinned()
    return nameless(Vector(vector.labels, FUNCTIONS[name](vector.values, *params), vector.present))


def _max(left: F64, right: F64) -> F64:
    """As Go has it: +Inf even beside NaN."""
    return np.where((left == np.inf) | (right == np.inf), np.inf, np.maximum(left, right))


def _min(left: F64, right: F64) -> F64:
    """As Go has it: -Inf even beside NaN."""
    return np.where((left == -np.inf) | (right == -np.inf), -np.inf, np.minimum(left, right))


def _clamp(values: F64, least: F64, most: F64) -> F64:
    return _max(least, _min(most, values))


def _sign(values: F64) -> F64:
    signs: F64 = np.sign(values)
    return np.copysign(signs, values)  # -0 stays what it is


def _round(values: F64, *nearest: F64) -> F64:
    # Prometheus inverts what to round to, so that 0.1 or the like has smaller errors.
    inverse = 1.0 / (nearest[0] if nearest else np.ones(1))
    return np.floor(values * inverse + 0.5) / inverse


FUNCTIONS: dict[str, Callable[..., F64]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "sgn": _sign,
    "round": _round,
    "clamp": _clamp,
    "clamp_min": lambda values, least: _max(least, values),
    "clamp_max": lambda values, most: _min(most, values),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "deg": lambda values: values * 180 / np.pi,
    "rad": lambda values: values * np.pi / 180,
}
