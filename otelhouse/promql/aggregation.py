"""Aggregations: rows of a vector by groups of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otelhouse.promql.errors import ExecutionError, QueryTooLarge
from otelhouse.promql.kernels import groups, ranked
from otelhouse.promql.notes import Notes
from otelhouse.promql.numbers import general, shortest
from otelhouse.promql.ratio import in_ratio
from otelhouse.promql.tree import Aggregate
from otelhouse.promql.values import NAME, Labels, Scalar, Text, Value, Vector, empty
from schema.arrays import F64, I64

_INT64 = float(1 << 63)


def aggregate(node: Aggregate, vector: Vector, param: Value | None, max_cells: int, notes: Notes) -> Vector:
    """Raises ExecutionError; QueryTooLarge where the result would have more than `max_cells` points."""
    if isinstance(param, Text) and not param.value:
        raise ExecutionError(f'invalid label name "{param.value}"')
    if not vector.present.any():
        return empty(vector.values.shape[1])  # whatever the parameter is
    if isinstance(param, Text):
        return _count_values(node, vector, param.value, max_cells)
    if node.op in ("topk", "bottomk", "limitk") and isinstance(param, Scalar):
        return _chosen(node, vector, _whole(param.values))
    if node.op == "limit_ratio" and isinstance(param, Scalar):
        return in_ratio(vector, _capped(param.values, notes))
    labels, group = grouped(vector.labels, node.by, node.labels)
    steps = vector.values.shape[1]
    out, there = np.empty((len(labels), steps)), np.empty((len(labels), steps), np.bool_)
    values, present = vector.values, vector.present
    match node.op:
        case "sum":
            groups.total(values, present, group, out, there)
        case "avg":
            groups.mean(values, present, group, out, there)
        case "min" | "max":
            groups.extreme(values, present, group, node.op == "max", out, there)
        case "count":
            groups.count(present, group, out, there)
        case "group":
            groups.count(present, group, out, there)
            out[:] = 1.0
        case "stddev" | "stdvar":
            groups.variance(values, present, group, out, there)
            if node.op == "stddev":
                out = np.sqrt(out)
        case "quantile" if isinstance(param, Scalar):
            _warn_quantile(param.values, notes)
            order, bounds = ordered(group, len(labels))
            ranked.quantiles(values, present, order, bounds, param.values, out, there)
        case _:
            raise ExecutionError(f"an aggregation that is not known: {node.op}")
    return Vector(labels, out, there)


def ignores_names(node: Aggregate) -> bool:
    """Would the result be the same without metrics' names?"""
    keep_series = ("topk", "bottomk", "limitk", "limit_ratio", "count_values")
    return node.op not in keep_series and not (node.by and NAME in node.labels)


def grouped(series: list[Labels], by: bool, names: Sequence[str]) -> tuple[list[Labels], I64]:
    """-> the labels of each group, in the order in which they are met, and int64[series], the group of each."""
    if by and not names:
        return ([{}] if series else []), np.zeros(len(series), np.int64)
    found: dict[object, int] = {}
    if by:
        group = [found.setdefault(tuple([each.get(name) for name in names]), len(found)) for each in series]
    else:
        ignored = {NAME, *names}
        group = [
            found.setdefault(frozenset([pair for pair in each.items() if pair[0] not in ignored]), len(found))
            for each in series
        ]
    of = np.array(group, np.int64)
    firsts = [series[i] for i in np.unique(of, return_index=True)[1].tolist()]
    if by:
        kept = set(names)
        return [{name: value for name, value in each.items() if name in kept} for each in firsts], of
    return [{name: value for name, value in each.items() if name not in ignored} for each in firsts], of


def ordered(group: I64, count: int) -> tuple[I64, I64]:
    """-> rows group by group, each group's in their order; where each group begins, int64[count + 1]."""
    order = np.argsort(group, kind="stable")
    return order, np.searchsorted(group[order], np.arange(count + 1))


def _whole(wanted: F64) -> I64:
    if not (np.abs(wanted) < _INT64).all():
        raise ExecutionError(f"Scalar value {general(float(wanted[~(np.abs(wanted) < _INT64)][0]))} overflows int64")
    return wanted.astype(np.int64)


def _chosen(node: Aggregate, vector: Vector, wanted: I64) -> Vector:
    labels, group = grouped(vector.labels, node.by, node.labels)
    order, bounds = ordered(group, len(labels))
    chosen = np.empty_like(vector.present)
    if node.op == "limitk":
        ranked.first(vector.present, order, bounds, wanted, chosen)
    else:
        ranked.best(vector.values, vector.present, order, bounds, wanted, node.op == "topk", chosen)
    found = Vector(vector.labels, vector.values, chosen)
    if len(wanted) != 1:
        return found.thinned()
    # An instant query shows them best first, group by group.
    keys = vector.values[:, 0] * (-1 if node.op == "topk" else 1) if node.op != "limitk" else np.zeros(len(group))
    kept = np.lexsort((keys, np.isnan(keys), group))
    return found.rows(kept[chosen[kept, 0]])


def _count_values(node: Aggregate, vector: Vector, label: str, max_cells: int) -> Vector:
    steps = vector.values.shape[1]
    rows, step = np.nonzero(vector.present)
    distinct, which = np.unique(vector.values[rows, step].view(np.int64), return_inverse=True)
    if len(distinct) * steps > max_cells:
        raise QueryTooLarge(
            f"count_values finds {len(distinct)} values: round what it counts, or ask for fewer series, a shorter time"
        )
    texts = [shortest(each) for each in distinct.view(np.float64).tolist()]
    pairs, at = np.unique(rows * len(distinct) + which, return_inverse=True)
    series = [{**vector.labels[pair // len(distinct)], label: texts[pair % len(distinct)]} for pair in pairs.tolist()]
    labels, group = grouped(series, node.by, (*node.labels, label) if node.by else node.labels)
    counts = np.zeros((len(labels), steps))
    np.add.at(counts, (group[at], step), 1.0)
    return Vector(labels, counts, counts > 0)


def _warn_quantile(wanted: F64, notes: Notes) -> None:
    told = wanted[~np.isnan(wanted)]
    wrong = ["NaN"] if len(told) < len(wanted) else []
    wrong += [general(each) for each in (told.max(initial=0.0), told.min(initial=1.0)) if not 0 <= each <= 1]
    for each in wrong:
        notes.warn(f"quantile value should be between 0 and 1, got {each}")


def _capped(wanted: F64, notes: Notes) -> F64:
    if np.isnan(wanted).any():
        raise ExecutionError("Ratio value NaN is not a number")
    for each in np.unique(wanted[np.abs(wanted) > 1]).tolist():
        limit = 1 if each > 0 else -1
        notes.warn(f"ratio value should be between -1 and 1, got {general(each)}, capping to {limit}")
    return np.clip(wanted, -1, 1)
