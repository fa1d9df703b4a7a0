"""What expressions have for values while they are evaluated: dense arrays, [series x steps]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.kernels.groups import count
from schema.arrays import F64, I64, Mask

NAME = "__name__"
Labels = dict[str, str]
"""Of one series; no value is empty. They are shared between vectors: never changed."""
SAME_LABELS = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True)
class Scalar:
    """float64[steps]."""

    values: F64


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """labels[i] are row i's; values[i, k] counts where present[i, k]. At a step, present rows differ in labels."""

    labels: list[Labels]
    values: F64
    present: Mask

    def rows(self, kept: I64) -> Vector:
        """Those rows, in that order."""
        return Vector([self.labels[i] for i in kept.tolist()], self.values[kept], self.present[kept])

    def filled(self) -> Mask:
        """bool[steps]: at which steps any row has a point."""
        return np.asarray(self.present.any(axis=0))

    def pruned(self) -> Vector:
        """Without rows that have no point: Prometheus knows no such series."""
        if (some := self.present.any(axis=1)).all():
            return self
        return self.rows(np.flatnonzero(some))

    def thinned(self) -> Vector:
        """The same, pruned if that is worth the copy."""
        some = np.asarray(self.present.any(axis=1))
        return self if 2 * np.count_nonzero(some) > len(some) else self.rows(np.flatnonzero(some))


@dataclass(frozen=True, slots=True)
class Windows:
    """The samples that a range selector sees at each step: those with ends[k] - range_ms < time <= ends[k].

    Series as in Samples, without stale markers. `steps_ms` are the times of evaluation, which offsets leave alone.
    """

    labels: list[Labels]
    offsets: I64
    times: I64
    values: F64
    delta: Mask
    ends: I64
    range_ms: int
    steps_ms: I64


Value = Scalar | Text | Vector


def empty(steps: int) -> Vector:
    """A vector without series."""
    return Vector([], np.zeros((0, steps)), np.zeros((0, steps), np.bool_))


def without_name(labels: list[Labels]) -> list[Labels]:
    """The same without metrics' names."""
    return [{name: value for name, value in each.items() if name != NAME} for each in labels]


def nameless(vector: Vector) -> Vector:
    """The vector without metrics' names; rows that become the same are joined. Raises ExecutionError."""
    if len({each.get(NAME) for each in vector.labels}) <= 1:
        return Vector(without_name(vector.labels), vector.values, vector.present)
    return joined(Vector(without_name(vector.labels), vector.values, vector.present))


def joined(vector: Vector, conflict: str = SAME_LABELS) -> Vector:
    """Rows of the same labels become one. Raises ExecutionError where two of them have a point at one step."""
    row: dict[frozenset[tuple[str, str]], int] = {}
    owner = [row.setdefault(frozenset(each.items()), len(row)) for each in vector.labels]
    if len(row) == len(owner):
        return vector
    owners = np.array(owner, np.int64)
    counts, there = counted(vector.present, owners, len(row))
    if (counts > 1).any():
        raise ExecutionError(conflict)
    values = np.zeros(counts.shape)
    at, step = np.nonzero(vector.present)
    values[owners[at], step] = vector.values[at, step]
    firsts = np.unique(owners, return_index=True)[1]
    return Vector([vector.labels[i] for i in firsts.tolist()], values, there)


def side_by_side(parts: list[tuple[int, Vector]], steps: int) -> Vector:
    """One vector of those that stand at different steps, each from the step on that goes with it."""
    row: dict[frozenset[tuple[str, str]], int] = {}
    labels: list[Labels] = []
    owners = []
    for _, part in parts:
        for each in part.labels:
            if row.setdefault(frozenset(each.items()), len(row)) == len(labels):
                labels.append(each)
        owners.append([row[frozenset(each.items())] for each in part.labels])
    values, present = np.zeros((len(labels), steps)), np.zeros((len(labels), steps), np.bool_)
    for (first, part), owner in zip(parts, owners, strict=True):
        inside = slice(first, first + part.values.shape[1])
        values[owner, inside], present[owner, inside] = part.values, part.present
    return Vector(labels, values, present)


def counted(present: Mask, group: I64, groups: int) -> tuple[F64, Mask]:
    """[groups, steps]: how many rows of each group are present, and whether any is. `group[i]` is row i's."""
    counts = np.empty((groups, present.shape[1]))
    there = np.empty(counts.shape, np.bool_)
    count(present, group, counts, there)
    return counts, there


def distinct(vector: Vector) -> Vector:
    """The vector itself, of which no two rows with points may have the same labels at all. Raises ExecutionError."""
    some = np.flatnonzero(vector.present.any(axis=1)).tolist()
    if len({frozenset(vector.labels[i].items()) for i in some}) < len(some):
        raise ExecutionError(SAME_LABELS)
    return vector
