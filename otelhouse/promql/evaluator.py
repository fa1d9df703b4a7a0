"""Evaluates a tree over samples that have been read: one method a kind of node."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from otelhouse.promql import arithmetic, binary
from otelhouse.promql.aggregation import aggregate, ignores_names
from otelhouse.promql.calls import call
from otelhouse.promql.errors import ExecutionError, QueryTooLarge
from otelhouse.promql.kernels.instant import newest
from otelhouse.promql.kernels.stale import any_stale, without_stale
from otelhouse.promql.notes import Notes
from otelhouse.promql.reading import Reads, inner_steps, looked_at, read_of, unrecorded
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Invariant,
    Negate,
    Node,
    Number,
    Range,
    Recorded,
    Select,
    String,
    Subquery,
)
from otelhouse.promql.values import Scalar, Text, Value, Vector, Windows, distinct, empty, side_by_side, without_name
from schema.arrays import F64, I64


@dataclass(slots=True)
class Evaluator:
    """`instant`: the order of rows matters, as it does at the top of an instant query.

    Expressions that are `repeated` are evaluated once for the same steps: see `known`. Whoever sets `cancelled`, from
    another thread, ends the evaluation at the next node.
    """

    reads: Reads
    settings: Settings
    notes: Notes
    instant: bool
    repeated: frozenset[Node] = frozenset()
    known: dict[tuple[Node, Steps], Value] = field(default_factory=dict)
    cancelled: bool = False

    def value(self, node: Node, steps: Steps) -> Value:
        """Raises ExecutionError."""
        if self.cancelled:
            raise ExecutionError("query was canceled")
        if node not in self.repeated:
            return self._value(node, steps, names_matter=True)
        if (found := self.known.get((node, steps))) is None:
            found = self.known[node, steps] = self._value(node, steps, names_matter=True)
        return found

    def _value(self, node: Node, steps: Steps, names_matter: bool) -> Value:
        match node:
            case Number():
                return Scalar(np.full(steps.count, node.value))
            case String():
                return Text(node.value)
            case Invariant():
                return _repeated(self.value(node.expr, steps.first), steps.count)
            case Select():
                return self.selected(node, steps, own_times=False)
            case Negate():
                return self._negate(node, steps)
            case Binary():
                return self._binary(node, steps)
            case Aggregate():
                param = None if node.param is None else self.value(node.param, steps)
                return aggregate(node, self._aggregated(node, steps), param, self.settings.max_cells, self.notes)
            case Call():
                return call(self, node, steps, names_matter)
            case Recorded():
                return self._recorded(node, steps)
            case Range() | Subquery():
                raise ExecutionError("a range vector has no value at one time")

    def _recorded(self, node: Recorded, steps: Steps) -> Vector:
        """As it was recorded, and evaluated at the steps at which it was not."""
        found = self.reads.recorded.get((node, steps))
        parts: list[tuple[int, Vector]] = []
        if found is not None:
            parts.append((found.first, Vector(found.labels, found.values, found.present)))
        for left in unrecorded(steps, found):
            parts.append(((left.start_ms - steps.start_ms) // steps.step_ms, self.vector(node.expr, left)))
        return parts[0][1] if len(parts) == 1 else side_by_side(parts, steps.count)

    def vector(self, node: Node, steps: Steps) -> Vector:
        """Of a node of that type."""
        found = self.value(node, steps)
        if not isinstance(found, Vector):
            raise ExecutionError("an instant vector is expected")
        return found

    def _aggregated(self, node: Aggregate, steps: Steps) -> Vector:
        """What is aggregated; with names or without, unless they matter."""
        if node.expr in self.repeated or not isinstance(node.expr, Call) or not ignores_names(node):
            return self.vector(node.expr, steps)
        found = self._value(node.expr, steps, names_matter=False)
        return found if isinstance(found, Vector) else empty(steps.count)

    def scalar(self, node: Node, steps: Steps) -> F64:
        """Of a node of that type, float64[steps]."""
        found = self.value(node, steps)
        if not isinstance(found, Scalar):
            raise ExecutionError("a scalar is expected")
        return found.values

    def text(self, node: Node, steps: Steps) -> str:
        """Of a node of that type."""
        found = self.value(node, steps)
        if not isinstance(found, Text):
            raise ExecutionError("a string is expected")
        return found.value

    def windows(self, node: Node, steps: Steps) -> Windows:
        """Of a range selector, a sub-query, or either in an Invariant."""
        match node:
            case Range():
                ends = looked_at(node.select.offset_ms, node.select.at_ms, steps)
                read = self.reads.of(read_of(node.select, steps, node.range_ms))
                offsets, times, values = read.offsets, read.times, read.values
                if any_stale(bits := values.view(np.uint64)):
                    offsets, times, values = without_stale(offsets, times, values, bits)
                found, delta = read.labels, read.delta
            case Subquery():
                ends = looked_at(node.offset_ms, node.at_ms, steps)
                inner = inner_steps(node, steps, self.settings)
                self.check(1, inner.count)
                vector = self.vector(node.expr, inner) if inner.count else empty(0)
                found, delta = vector.labels, np.zeros(len(vector.labels), np.bool_)
                offsets = np.concatenate([[0], np.cumsum(vector.present.sum(axis=1))]).astype(np.int64)
                times, values = (
                    np.nonzero(vector.present)[1] * inner.step_ms + inner.start_ms,
                    vector.values[vector.present],
                )
            case _:
                raise ExecutionError("a range vector is expected")
        return Windows(found, offsets, times, values, delta, _times(ends, steps.count), node.range_ms, steps.times)

    def check(self, series: int, steps: int) -> None:
        """Raises QueryTooLarge if there would be too many points."""
        if series * steps > self.settings.max_cells:
            raise QueryTooLarge(
                f"the query makes {series} series of {steps} steps, {self.settings.max_cells} points are allowed: "
                "ask for fewer series, a shorter time or a longer step"
            )

    def selected(self, node: Select, steps: Steps, own_times: bool) -> Vector:
        """What a selector finds: values, or the samples' own times in seconds."""
        samples = self.reads.of(read_of(node, steps, self.settings.lookback_ms))
        self.check(len(samples.labels), steps.count)
        ends = _times(looked_at(node.offset_ms, node.at_ms, steps), steps.count)
        values, present = (
            np.empty((len(samples.labels), steps.count)),
            np.empty((len(samples.labels), steps.count), np.bool_),
        )
        newest(
            samples.offsets, samples.times, samples.values, ends, self.settings.lookback_ms,
            samples.values.view(np.uint64), own_times, values, present,
        )  # fmt: skip
        return Vector(samples.labels, values, present).thinned()

    def _negate(self, node: Negate, steps: Steps) -> Value:
        found = self.value(node.expr, steps)
        if isinstance(found, Scalar):
            return Scalar(-found.values)
        if not isinstance(found, Vector):
            raise ExecutionError("only scalars and instant vectors can be negated")
        return distinct(Vector(without_name(found.labels), -found.values, found.present))

    def _binary(self, node: Binary, steps: Steps) -> Value:
        left, right = self.value(node.left, steps), self.value(node.right, steps)
        match left, right:
            case Scalar(), Scalar():
                return Scalar(arithmetic.scalars(node.op, left.values, right.values))
            case Vector(), Scalar():
                return binary.with_scalar(node.op, left, right, node.as_bool, swapped=False)
            case Scalar(), Vector():
                return binary.with_scalar(node.op, right, left, node.as_bool, swapped=True)
            case Vector(), Vector():
                limit = self.settings.max_cells
                return binary.vectors(node.op, left, right, node.as_bool, node.matching, limit)
        raise ExecutionError("a binary operator takes scalars and instant vectors")


def _times(ends: Steps, count: int) -> I64:
    """int64[count]; with an `@` there is one for all."""
    times = ends.times
    return times if len(times) == count else np.full(count, times[0])


def _repeated(found: Value, count: int) -> Value:
    match found:
        case Scalar():
            return Scalar(np.repeat(found.values, count))
        case Vector():
            return Vector(found.labels, found.values.repeat(count, axis=1), found.present.repeat(count, axis=1))
        case Text():
            return found
