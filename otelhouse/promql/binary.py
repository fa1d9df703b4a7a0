"""Binary operators, but for those between two scalars."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from otelhouse.promql.arithmetic import ARITHMETIC, COMPARISON
from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.matching import Pairs, most_at_once, paired, signatures
from otelhouse.promql.tree import SET_OPERATORS, Cardinality, Matching
from otelhouse.promql.values import NAME, Labels, Scalar, Vector, counted, joined, nameless
from schema.arrays import F64, I64, Mask

_Item = TypeVar("_Item", np.float64, np.bool_)


def with_scalar(op: str, vector: Vector, scalar: Scalar, as_bool: bool, swapped: bool) -> Vector:
    """`swapped`: the scalar stands to the left. A comparison yields the vector's values either way."""
    sides = (scalar.values, vector.values) if swapped else (vector.values, scalar.values)
    if op in ARITHMETIC:
        return nameless(Vector(vector.labels, ARITHMETIC[op](*sides), vector.present))
    holds = COMPARISON[op](*sides)
    if as_bool:
        return nameless(Vector(vector.labels, holds.astype(np.float64), vector.present))
    return Vector(vector.labels, vector.values, vector.present & holds).thinned()


def vectors(op: str, left: Vector, right: Vector, as_bool: bool, matching: Matching, max_cells: int) -> Vector:
    """Raises ExecutionError where matching is not unique."""
    # Where one side has nothing at all, Prometheus does not look at the other.
    both = left.filled() & right.filled()
    if op in SET_OPERATORS:
        return _sets(op, left, right, matching)
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if swapped else (left, right)
    pairs = paired(many, one, matching, both, max_cells)
    many_values, one_values = _taken(many.values, pairs.many), _taken(one.values, pairs.one)
    present = _taken(many.present, pairs.many) & _taken(one.present, pairs.one)
    sides = (one_values, many_values) if swapped else (many_values, one_values)
    if op in ARITHMETIC:
        values, kept = ARITHMETIC[op](*sides), present
    else:
        holds = COMPARISON[op](*sides)
        values, kept = (holds.astype(np.float64), present) if as_bool else (sides[0], present & holds)
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        _check_one_to_one(pairs, kept)
    labels = _labels(many.labels, one.labels, pairs, matching, op in ARITHMETIC, as_bool)
    found = Vector(labels, values, kept).thinned()
    if matching.cardinality is Cardinality.ONE_TO_ONE and len(np.unique(pairs.group)) == len(pairs.group):
        return found  # groups differ in what the labels are made of
    return joined(found, "multiple matches for labels: grouping labels must ensure unique matches")


def _taken(rows: npt.NDArray[_Item], at: I64) -> npt.NDArray[_Item]:
    """Without a copy where each row is taken once, in order."""
    return rows if len(at) == len(rows) and np.array_equal(at, np.arange(len(at))) else rows[at]


def _check_one_to_one(pairs: Pairs, kept: Mask) -> None:
    sizes = np.bincount(pairs.group)
    shared = np.flatnonzero(sizes[pairs.group] > 1) if len(sizes) else np.zeros(0, np.int64)
    if most_at_once(pairs.group[shared], kept[shared]) > 1:
        raise ExecutionError(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        )


def _labels(
    many: list[Labels], one: list[Labels], pairs: Pairs, matching: Matching, is_arithmetic: bool, as_bool: bool
) -> list[Labels]:
    names = set(matching.labels)
    dropped = {NAME} if is_arithmetic or as_bool else set()
    if matching.cardinality is Cardinality.ONE_TO_ONE:
        if matching.on:
            kept = names - dropped
            return [{name: value for name, value in many[i].items() if name in kept} for i in pairs.many.tolist()]
        dropped |= names
    bare = [{name: value for name, value in many[i].items() if name not in dropped} for i in pairs.many.tolist()]
    if matching.include:
        for labels, i in zip(bare, pairs.one.tolist(), strict=True):
            for name in matching.include:
                if (value := one[i].get(name)) is not None:
                    labels[name] = value
                else:
                    labels.pop(name, None)
    if as_bool:
        for labels in bare:
            labels.pop(NAME, None)  # even one that was included
    return bare


def _sets(op: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    groups, left_groups, right_groups = signatures(left.labels, right.labels, matching)
    if op == "or":
        added = right.present & ~counted(left.present, left_groups, groups)[1][right_groups]
        values: F64 = np.concatenate([left.values, right.values])
        return joined(Vector(left.labels + right.labels, values, np.concatenate([left.present, added])).thinned())
    there = counted(right.present, right_groups, groups)[1][left_groups]
    return Vector(left.labels, left.values, left.present & (there if op == "and" else ~there)).thinned()
