"""Functions of range vectors: a value for each window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.kernels import extremes, last_two, over_time, quantiles, rate, regression, smoothing, sums
from otelhouse.promql.notes import Notes
from otelhouse.promql.numbers import general
from otelhouse.promql.parallel import by_series
from otelhouse.promql.values import NAME, Vector, Windows, distinct, without_name
from schema.arrays import F64, I64, Mask

Fill = Callable[[Windows, list[F64], F64, Mask], None]
"""Fills values and presence, [series x steps]; scalar arguments are float64[steps] each."""

KEEP_NAME = frozenset(("last_over_time", "first_over_time"))
_COUNTERS = ("_total", "_sum", "_count", "_bucket")


def over_windows(name: str, windows: Windows, params: list[F64], names_matter: bool, notes: Notes) -> Vector:
    """A function's value over windows. Raises ExecutionError.

    Unless `names_matter`, to whoever takes the value, metrics' names may be left in.
    """
    out, present = _computed(FUNCTIONS[name], windows, params)
    _remark(name, windows, params, present, notes)
    metrics = {each.get(NAME) for each in windows.labels}
    if name in KEEP_NAME or (len(metrics) <= 1 and not names_matter):
        return Vector(windows.labels, out, present).thinned()
    found = Vector(without_name(windows.labels), out, present).thinned()
    return found if len(metrics) <= 1 else distinct(found)


def _computed(fill: Fill, windows: Windows, params: list[F64]) -> tuple[F64, Mask]:
    out = np.empty((len(windows.labels), len(windows.ends)))
    present = np.empty(out.shape, np.bool_)

    def run(first: int, last: int) -> None:
        part = replace(windows, offsets=windows.offsets[first : last + 1], delta=windows.delta[first:last])
        fill(part, params, out[first:last], present[first:last])

    by_series(run, windows.offsets, len(windows.ends))
    return out, present


def any_present(windows: Windows) -> Mask:
    """bool[steps]: has any window of the step a sample?"""
    return np.asarray(_computed(_over_time(over_time.COUNT), windows, [])[1].any(axis=0))


def _samples(windows: Windows) -> tuple[I64, I64, F64, I64, int]:
    return windows.offsets, windows.times, windows.values, windows.ends, windows.range_ms


def _change(counter: bool, per_second: bool) -> Fill:
    def fill(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
        rate.change(*_samples(windows), windows.delta, counter, per_second, out, present)

    return fill


def _last_change(is_rate: bool) -> Fill:
    def fill(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
        last_two.last_change(*_samples(windows), windows.delta, is_rate, out, present)

    return fill


def _over_time(what: int) -> Fill:
    def fill(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
        over_time.over_time(*_samples(windows), what, out, present)

    return fill


def _extreme(largest: bool) -> Fill:
    def fill(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
        extremes.extremes(*_samples(windows), largest, out, present)

    return fill


def _sum(average: bool) -> Fill:
    def fill(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
        sums.sums(*_samples(windows), average, out, present)

    return fill


def _present(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    over_time.over_time(*_samples(windows), over_time.COUNT, out, present)
    out[:] = 1.0


def _quantile(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    quantiles.quantile_over_time(*_samples(windows), False, params[0], out, present)


def _deviation(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    quantiles.quantile_over_time(*_samples(windows), True, np.zeros(0), out, present)


def _slope(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    regression.regression(*_samples(windows), False, windows.steps_ms, np.zeros(0), out, present)


def _prediction(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    regression.regression(*_samples(windows), True, windows.steps_ms, params[0], out, present)


def _smoothing(windows: Windows, params: list[F64], out: F64, present: Mask) -> None:
    if windows.labels:
        for factor, kind in zip(params, ("smoothing", "trend"), strict=True):
            if (wrong := factor[~((factor > 0) & (factor < 1))]).size:
                raise ExecutionError(f"invalid {kind} factor. Expected: 0 < factor < 1, got: {general(wrong[0])}")
    smoothing.smoothed(*_samples(windows), params[0], params[1], out, present)


FUNCTIONS: dict[str, Fill] = {
    "rate": _change(counter=True, per_second=True),
    "increase": _change(counter=True, per_second=False),
    "delta": _change(counter=False, per_second=False),
    "irate": _last_change(is_rate=True),
    "idelta": _last_change(is_rate=False),
    "deriv": _slope,
    "predict_linear": _prediction,
    "double_exponential_smoothing": _smoothing,
    "resets": _over_time(over_time.RESETS),
    "changes": _over_time(over_time.CHANGES),
    "sum_over_time": _sum(average=False),
    "avg_over_time": _sum(average=True),
    "min_over_time": _extreme(largest=False),
    "max_over_time": _extreme(largest=True),
    "count_over_time": _over_time(over_time.COUNT),
    "first_over_time": _over_time(over_time.FIRST),
    "last_over_time": _over_time(over_time.LAST),
    "stddev_over_time": _over_time(over_time.STDDEV),
    "stdvar_over_time": _over_time(over_time.STDVAR),
    "present_over_time": _present,
    "quantile_over_time": _quantile,
    "mad_over_time": _deviation,
    "ts_of_max_over_time": _over_time(over_time.MAX_TIME),
    "ts_of_min_over_time": _over_time(over_time.MIN_TIME),
    "ts_of_last_over_time": _over_time(over_time.LAST_TIME),
    "ts_of_first_over_time": _over_time(over_time.FIRST_TIME),
}


def _remark(name: str, windows: Windows, params: list[F64], present: Mask, notes: Notes) -> None:
    if name in ("rate", "increase"):
        some = np.flatnonzero(present.any(axis=1)).tolist()
        for metric in dict.fromkeys(windows.labels[i].get(NAME, "") for i in some):
            if metric and not metric.endswith(_COUNTERS):
                notes.inform(
                    f'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{metric}"'
                )
    if name == "quantile_over_time" and present.any():
        for each in np.unique(params[0][~((params[0] >= 0) & (params[0] <= 1))]).tolist():
            notes.warn(f"quantile value should be between 0 and 1, got {general(each)}")
