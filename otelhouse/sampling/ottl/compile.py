"""Condition -> what answers it for rows: everything that can be wrong with it is found here, not when it is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from otelhouse.sampling.ottl import tree
from otelhouse.sampling.ottl.columns import Column, calculate, compare, literal
from otelhouse.sampling.ottl.functions import Answer, function
from otelhouse.sampling.ottl.parse import OttlError, parse
from otelhouse.sampling.ottl.rows import Read, Rows, reader

Ask = Callable[[Rows], Answer]


def compiled(text: str, of_events: bool = False) -> Ask:
    """A condition on spans, or on span events. Raises OttlError."""
    return _Compiler(of_events).condition(parse(text))


class _Compiler:
    def __init__(self, of_events: bool) -> None:
        self._of_events = of_events

    def condition(self, condition: tree.Condition) -> Ask:
        if isinstance(condition, tree.Compare):
            return self._compare(condition)
        if isinstance(condition, tree.Truth):
            return self._truth(condition.value)
        if isinstance(condition, tree.Not):
            return _opposite(self.condition(condition.condition))
        left, right = self.condition(condition.left), self.condition(condition.right)
        return _joined(left, right, isinstance(condition, tree.Either))

    def _compare(self, condition: tree.Compare) -> Ask:
        left, right, op = self._value(condition.left), self._value(condition.right), condition.op

        def ask(rows: Rows) -> Answer:
            one, other = left(rows), right(rows)
            return Answer(compare(op, one, other), one.failed | other.failed)

        return ask

    def _truth(self, value: tree.Value) -> Ask:
        if isinstance(value, tree.Literal):
            answer = Answer(np.array([value.value is True]), np.zeros(1, np.bool_))
            return lambda rows: answer
        if not isinstance(value, tree.Call):
            raise OttlError("a condition must be a comparison or a function")
        call, columns = function(value.name, value.arguments)
        arguments = [self._value(argument) for argument in value.arguments[:columns]]
        return lambda rows: call(rows, [argument(rows) for argument in arguments])

    def _value(self, value: tree.Value) -> Read:
        if isinstance(value, tree.Literal):
            constant = literal(value.value)
            return lambda rows: constant
        if isinstance(value, tree.Path):
            return reader(value, self._of_events)
        if isinstance(value, tree.Math):
            left, right, op = self._value(value.left), self._value(value.right), value.op
            return lambda rows: calculate(op, left(rows), right(rows))
        return self._called(value)

    def _called(self, value: tree.Call) -> Read:
        ask = self._truth(value)

        def read(rows: Rows) -> Column:
            answer = ask(rows)
            true = literal(True)
            return Column(true.kinds, answer.true.astype(np.int64), true.floats, true.texts, answer.failed)

        return read


def _opposite(ask: Ask) -> Ask:
    def opposite(rows: Rows) -> Answer:
        answer = ask(rows)
        return Answer(~answer.true, answer.failed)

    return opposite


def _joined(left: Ask, right: Ask, either: bool) -> Ask:
    """The right side counts only where the left one has not decided, its failures too."""

    def joined(rows: Rows) -> Answer:
        one, other = left(rows), right(rows)
        open_ = ~one.true if either else one.true
        true = one.true | other.true if either else one.true & other.true
        return Answer(true, one.failed | (open_ & other.failed))

    return joined
