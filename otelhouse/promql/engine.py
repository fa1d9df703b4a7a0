"""Evaluates PromQL: text, storage and times in, a result out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from otelhouse.promql.building import build
from otelhouse.promql.errors import PromQLError, QueryTooLarge
from otelhouse.promql.evaluator import Evaluator
from otelhouse.promql.notes import Notes
from otelhouse.promql.printing import printed
from otelhouse.promql.reading import read_all
from otelhouse.promql.repetition import repeated
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.storage import Storage
from otelhouse.promql.tree import Node, Type, type_of
from otelhouse.promql.values import Labels, Scalar, Text, Value, Vector
from schema.arrays import F64, I64, Mask


@dataclass(frozen=True, slots=True)
class Ragged:
    """The samples that a range selector finds: series i's stand at offsets[i]:offsets[i+1]; times in ms."""

    offsets: I64
    times: I64
    values: F64


@dataclass(frozen=True, slots=True)
class ReadAsRecorded:
    """A sub-expression that may have been recorded: at `steps` of the steps it was, and not evaluated."""

    expr: str
    source: Hashable
    steps: int
    of: int


@dataclass(frozen=True, slots=True)
class Result:
    """Of a query. values[i, k] is series i's at step k, where present[i, k]; a scalar is one series without labels.

    An instant query for a range vector has `samples` instead; a string has `text`. Rows are in the order in which
    they are to be shown: by labels, but for instant queries. `recorded`: what of it a rule covers.
    """

    type: Type
    labels: list[Labels]
    values: F64
    present: Mask
    samples: Ragged | None = None
    text: str = ""
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    recorded: list[ReadAsRecorded] = field(default_factory=list)


async def evaluate(
    text: str, storage: Storage, at: Steps, settings: Settings, rewrite: Callable[[Node], Node] | None = None
) -> Result:
    """`rewrite`: what is done with the tree before it is evaluated; its value must stay the same.

    Raises PromQLError and ExecutionError (QueryTooLarge where a limit is met), and what the storage raises."""
    if at.count < 1:
        raise PromQLError("end timestamp must not be before start time")
    if at.count > settings.max_steps:
        raise QueryTooLarge(
            f"the query has {at.count} steps, {settings.max_steps} are allowed: ask for a shorter time or a longer step"
        )
    tree = build(text, at, settings)
    kind = type_of(tree)
    if not at.instant and kind not in (Type.SCALAR, Type.VECTOR):
        told = "range vector" if kind is Type.MATRIX else kind.value
        raise PromQLError(f'invalid expression type "{told}" for range query, must be Scalar or instant Vector')
    tree = rewrite(tree) if rewrite is not None else tree
    reads = await read_all(tree, at, storage, settings)
    evaluator = Evaluator(reads, settings, Notes(), at.instant, repeated(tree))
    recorded = [
        ReadAsRecorded(printed(node.expr), node.source, found.steps.count if found else 0, steps.count)
        for (node, steps), found in reads.recorded.items()
    ]
    try:
        return replace(await asyncio.to_thread(_result, evaluator, tree, kind, at), recorded=recorded)
    finally:
        evaluator.cancelled = True  # whoever waits no longer


def _result(evaluator: Evaluator, tree: Node, kind: Type, at: Steps) -> Result:
    with np.errstate(all="ignore"):
        if kind is Type.MATRIX:
            return _matrix(evaluator, tree, at)
        found = evaluator.value(tree, at)
    warnings, infos = list(evaluator.notes.warnings), list(evaluator.notes.infos)
    labels, values, present, text = _rows(found, at)
    return Result(kind, labels, values, present, text=text, warnings=warnings, infos=infos)


def _rows(found: Value, at: Steps) -> tuple[list[Labels], F64, Mask, str]:
    match found:
        case Scalar():
            return [{}], found.values[None, :], np.ones((1, at.count), np.bool_), ""
        case Text():
            return [], np.zeros((0, at.count)), np.zeros((0, at.count), np.bool_), found.value
        case Vector():
            found = found.pruned()
            if not at.instant:
                keys = [sorted(each.items()) for each in found.labels]
                if (order := sorted(range(len(keys)), key=keys.__getitem__)) != list(range(len(keys))):
                    found = found.rows(np.array(order, np.int64))
            return found.labels, found.values, found.present, ""


def _matrix(evaluator: Evaluator, tree: Node, at: Steps) -> Result:
    windows = evaluator.windows(tree, at)
    end, start = int(windows.ends[0]), int(windows.ends[0]) - windows.range_ms
    inside = (windows.times > start) & (windows.times <= end)
    counted = np.concatenate([[0], np.cumsum(inside)])[windows.offsets]
    kept = np.flatnonzero(np.diff(counted) > 0)
    samples = Ragged(
        np.concatenate([[0], counted[1:][kept]]).astype(np.int64), windows.times[inside], windows.values[inside]
    )
    shape = (len(kept), 0)
    return Result(
        Type.MATRIX, [windows.labels[i] for i in kept.tolist()], np.zeros(shape), np.zeros(shape, np.bool_), samples,
        warnings=list(evaluator.notes.warnings), infos=list(evaluator.notes.infos),
    )  # fmt: skip
