"""info: the labels of info series, such as `target_info`, are added to series of the same instance and job."""

from __future__ import annotations

import numpy as np

from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.selectors import Matcher, MatchType, Selector, holds
from otelhouse.promql.values import NAME, Labels, Vector, empty, joined
from schema.arrays import F64, I64

IDENTIFYING = ("instance", "job")
DEFAULT = Matcher(NAME, MatchType.EQUAL, "target_info")


def enriched(base: Vector, info: Vector, sampled: F64, selector: Selector) -> Vector:
    """`base` with data labels of `info`, which `selector` has selected; `sampled` are the times of its samples.

    Only labels that the selector names are added, if it names any but the metric. Raises ExecutionError.
    """
    wanted = [each for each in selector if each.name != NAME]
    names = [each for each in selector if each.name == NAME]
    must_have = any(not holds(each, "") for each in wanted)
    data_names = {each.name for each in wanted}
    by_identity: dict[tuple[str, ...], list[int]] = {}
    for i, each in enumerate(info.labels):
        by_identity.setdefault(_identity(each), []).append(i)
    found: list[tuple[Labels, int, I64]] = []  # labels, row of the base, steps
    for i, labels in enumerate(base.labels):
        steps = np.flatnonzero(base.present[i])
        if all(holds(each, labels.get(NAME, "")) for each in names):
            found.append((labels, i, steps))  # an info series itself
            continue
        rows = np.array(by_identity.get(_identity(labels), ()), np.int64)
        chosen = _newest(info, sampled, rows, steps)
        distinct, which = np.unique(chosen, axis=1, return_inverse=True)
        for k in range(distinct.shape[1]):
            added = _data_labels(labels, [info.labels[row] for row in rows[distinct[:, k]].tolist()], data_names)
            if added or not must_have:
                found.append(({**labels, **added}, i, steps[which.ravel() == k]))
    if not found:
        return empty(base.values.shape[1])
    rows = np.array([i for _, i, _ in found], np.int64)
    present = np.zeros((len(found), base.values.shape[1]), np.bool_)
    for row, (_, _, steps) in enumerate(found):
        present[row, steps] = True
    return joined(Vector([labels for labels, _, _ in found], base.values[rows], present))


def _identity(labels: Labels) -> tuple[str, ...]:
    return tuple([labels.get(name, "") for name in IDENTIFYING])


def _newest(info: Vector, sampled: F64, rows: I64, steps: I64) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """bool[rows, steps]: of each info metric, the series whose sample is the newest at a step."""
    chosen = np.ascontiguousarray(info.present[np.ix_(rows, steps)])
    metrics = [info.labels[row][NAME] for row in rows.tolist()]
    for metric in {each for each in metrics if metrics.count(each) > 1}:
        same = np.array([each == metric for each in metrics])
        times = np.where(chosen[same], sampled[np.ix_(rows[same], steps)], -np.inf)
        newest = chosen[same] & (times == times.max(axis=0))
        if (newest.sum(axis=0) > 1).any():
            raise ExecutionError(f"found duplicate series for info metric {metric}")
        chosen[same] = newest
    return chosen


def _data_labels(base: Labels, infos: list[Labels], names: set[str]) -> Labels:
    added: Labels = {}
    for each in infos:
        for name, value in each.items():
            if name == NAME or (names and name not in names):
                continue
            if added.get(name, value) != value:
                raise ExecutionError(f"conflicting label: {name}")
            if name not in base:
                added[name] = value
    return added
