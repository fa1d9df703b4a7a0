"""What a rule comes to over the series of one partition, before partitions are merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.promql.arithmetic import ARITHMETIC, COMPARISON
from otelhouse.promql.functions.ranges import FUNCTIONS
from otelhouse.promql.kernels import groups
from otelhouse.promql.kernels.instant import newest
from otelhouse.promql.kernels.stale import any_stale, without_stale
from otelhouse.promql.values import Windows
from otelhouse.recording.rule import Step, StreamRule
from schema.arrays import F64, I64, Mask


@dataclass(frozen=True, slots=True)
class Series:
    """Samples in the order of series: those of series i stand at offsets[i]:offsets[i+1], `bits` are the values'.

    `delta`: of delta temporality; `group`: which of the rule's groups each belongs to.
    """

    offsets: I64
    times: I64
    bits: I64
    delta: Mask
    group: I64


def evaluated(rule: StreamRule, series: Series, ends: I64, count: int) -> tuple[F64, I64]:
    """(values, how many series gave one), each [groups, ends]; a group without any has no value there."""
    values, present = _by_series(rule, series, ends)
    with np.errstate(all="ignore"):
        for step in rule.steps:
            values, present = _stepped(step, values, present)
    out, there = np.zeros((count, len(ends))), np.zeros((count, len(ends)), np.bool_)
    counts = np.zeros((count, len(ends)))
    groups.count(present, series.group, counts, there)
    match rule.aggregate.op if rule.aggregate else "sum":
        case "sum" | "avg":
            groups.total(values, present, series.group, out, there)
        case "min":
            groups.extreme(values, present, series.group, False, out, there)
        case "max":
            groups.extreme(values, present, series.group, True, out, there)
        case "count":
            out = counts
        case "group":
            out = np.ones_like(counts)
    return out, counts.astype(np.int64)


def _by_series(rule: StreamRule, series: Series, ends: I64) -> tuple[F64, Mask]:
    offsets, times, values = series.offsets, series.times, series.bits.view(np.float64)
    out = np.empty((len(offsets) - 1, len(ends)))
    present = np.empty(out.shape, np.bool_)
    if not rule.function:
        newest(offsets, times, values, ends, rule.range_ms, values.view(np.uint64), False, out, present)
        return out, present
    if any_stale(bits := values.view(np.uint64)):
        offsets, times, values = without_stale(offsets, times, values, bits)
    windows = Windows([], offsets, times, values, series.delta, ends, rule.range_ms, ends)
    FUNCTIONS[rule.function](windows, [np.full(len(ends), each) for each in rule.params], out, present)
    return out, present


def _stepped(step: Step, values: F64, present: Mask) -> tuple[F64, Mask]:
    constant = np.float64(step.constant)
    sides = (constant, values) if step.swapped else (values, constant)
    if step.op in ARITHMETIC:
        return ARITHMETIC[step.op](*sides), present
    holds = COMPARISON[step.op](*sides)
    return (holds.astype(np.float64), present) if step.as_bool else (values, present & holds)
