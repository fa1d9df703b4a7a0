"""Calls of functions: which file evaluates which, and with what of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.functions import calendar, elementwise, histograms, info, labels, presence, ranges, sorting
from otelhouse.promql.settings import Steps
from otelhouse.promql.tree import Call, Invariant, Node, Select
from otelhouse.promql.values import Scalar, Value, Vector, empty, nameless
from schema.arrays import F64

if TYPE_CHECKING:
    from otelhouse.promql.evaluator import Evaluator

Args = tuple[Node, ...]


def call(evaluator: Evaluator, node: Call, steps: Steps, names_matter: bool) -> Value:
    """A function's value. Raises ExecutionError.

    Unless `names_matter`, to whoever takes the value, metrics' names may be left in.
    """
    name, args = node.name, node.args
    if name in ranges.FUNCTIONS:
        at = 1 if name == "quantile_over_time" else 0
        params = [evaluator.scalar(each, steps) for i, each in enumerate(args) if i != at]
        windows = evaluator.windows(args[at], steps)
        evaluator.check(len(windows.labels), steps.count)
        return ranges.over_windows(name, windows, params, names_matter, evaluator.notes)
    if name in elementwise.FUNCTIONS:
        params = [evaluator.scalar(each, steps) for each in args[1:]]
        return elementwise.mapped(name, evaluator.vector(args[0], steps), params)
    if name in calendar.PARTS:
        vector = evaluator.vector(args[0], steps) if args else _constant(steps.times / 1000)
        return nameless(Vector(vector.labels, calendar.part(name, vector.values), vector.present))
    if name not in SPECIAL:
        raise ExecutionError(f"the function {name}() is not supported")
    return SPECIAL[name](evaluator, args, steps)


def _constant(values: F64) -> Vector:
    return Vector([{}], values[None, :], np.ones((1, len(values)), np.bool_))


def _time(evaluator: Evaluator, args: Args, steps: Steps) -> Scalar:
    return Scalar(steps.times / 1000)


def _pi(evaluator: Evaluator, args: Args, steps: Steps) -> Scalar:
    return Scalar(np.full(steps.count, np.pi))


def _scalar(evaluator: Evaluator, args: Args, steps: Steps) -> Scalar:
    vector = evaluator.vector(args[0], steps)
    only = vector.present.sum(axis=0) == 1
    return Scalar(np.where(only, np.where(vector.present, vector.values, 0).sum(axis=0), np.nan))


def _vector(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    return _constant(evaluator.scalar(args[0], steps))


def _timestamp(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    selected = args[0].expr if isinstance(args[0], Invariant) else args[0]
    if isinstance(selected, Select):
        return nameless(evaluator.selected(selected, steps, own_times=True))
    vector = evaluator.vector(args[0], steps)
    times = np.tile(steps.times / 1000, (len(vector.labels), 1))
    return nameless(Vector(vector.labels, times, vector.present))


def _absent(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    return presence.absent(args[0], evaluator.vector(args[0], steps).filled())


def _absent_over_time(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    return presence.absent(args[0], ranges.any_present(evaluator.windows(args[0], steps)))


def _sort(descending: bool) -> Callable[[Evaluator, Args, Steps], Vector]:
    def sort(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
        vector = evaluator.vector(args[0], steps)
        return sorting.by_value(vector, descending) if evaluator.instant and steps.count == 1 else vector

    return sort


def _sort_by_label(descending: bool) -> Callable[[Evaluator, Args, Steps], Vector]:
    def sort(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
        vector, names = evaluator.vector(args[0], steps), [evaluator.text(each, steps) for each in args[1:]]
        return sorting.by_label(vector, names, descending) if evaluator.instant else vector

    return sort


def _label_replace(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    target, replacement, source, pattern = (evaluator.text(each, steps) for each in args[1:])
    return labels.replaced(evaluator.vector(args[0], steps), target, replacement, source, pattern)


def _label_join(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    target, separator, *sources = (evaluator.text(each, steps) for each in args[1:])
    return labels.join(evaluator.vector(args[0], steps), target, separator, sources)


def _histogram_quantile(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    return histograms.quantile(evaluator.scalar(args[0], steps), evaluator.vector(args[1], steps), evaluator.notes)


def _histogram_fraction(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    lower, upper = (evaluator.scalar(each, steps) for each in args[:2])
    return histograms.fraction(lower, upper, evaluator.vector(args[2], steps), evaluator.notes)


def _of_native_histograms(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    evaluator.vector(args[0], steps)
    return empty(steps.count)  # of floats, nothing


def _info(evaluator: Evaluator, args: Args, steps: Steps) -> Vector:
    if not isinstance(chosen := args[1], Select):
        raise ExecutionError("info() takes a selector of labels")
    infos, sampled = (evaluator.selected(chosen, steps, own_times) for own_times in (False, True))
    return info.enriched(evaluator.vector(args[0], steps), infos, sampled.values, chosen.selector)


SPECIAL: dict[str, Callable[[Evaluator, Args, Steps], Value]] = {
    "time": _time,
    "pi": _pi,
    "scalar": _scalar,
    "vector": _vector,
    "timestamp": _timestamp,
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "sort": _sort(descending=False),
    "sort_desc": _sort(descending=True),
    "sort_by_label": _sort_by_label(descending=False),
    "sort_by_label_desc": _sort_by_label(descending=True),
    "label_replace": _label_replace,
    "label_join": _label_join,
    "histogram_quantile": _histogram_quantile,
    "histogram_fraction": _histogram_fraction,
    "histogram_avg": _of_native_histograms,
    "histogram_count": _of_native_histograms,
    "histogram_sum": _of_native_histograms,
    "histogram_stddev": _of_native_histograms,
    "histogram_stdvar": _of_native_histograms,
    "info": _info,
}
