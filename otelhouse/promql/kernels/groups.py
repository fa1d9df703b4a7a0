"""Aggregations that need one pass over the series: rows of a dense vector become rows of groups.

`group[i]` is row i's. Rows come in their order, since floating-point sums depend on it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.kahan import add
from otelhouse.promql.kernels.signatures import F64_2D, I64, MASK_2D, RESULT


@njit(types.void(F64_2D, MASK_2D, I64, *RESULT), nogil=True, cache=True, error_model="numpy")
def total(values, present, group, out, there):
    """Compensated sums."""
    lost = np.zeros_like(out)
    out[:] = 0.0
    there[:] = False
    for s in range(len(group)):
        g = group[s]
        for k in range(out.shape[1]):
            if present[s, k]:
                there[g, k] = True
                value, before = values[s, k], out[g, k]
                found = before + value
                if math.isinf(found):
                    lost[g, k] = 0.0
                elif abs(before) >= abs(value):
                    lost[g, k] += (before - found) + value
                else:
                    lost[g, k] += (value - found) + before
                out[g, k] = found
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[g, k] += lost[g, k]


@njit(types.void(F64_2D, MASK_2D, I64, *RESULT), nogil=True, cache=True, error_model="numpy")
def mean(values, present, group, out, there):
    """By the sum; from where that overflows, incrementally."""
    lost, count, incremental = np.zeros_like(out), np.zeros_like(out), np.zeros_like(there)
    out[:] = 0.0
    for s in range(len(group)):
        g = group[s]
        for k in range(out.shape[1]):
            if not present[s, k]:
                continue
            count[g, k] += 1
            value, seen = values[s, k], count[g, k]
            if seen == 1:
                out[g, k] = value
                continue
            if not incremental[g, k]:
                more, more_lost = add(value, out[g, k], lost[g, k])
                if not math.isinf(more):
                    out[g, k], lost[g, k] = more, more_lost
                    continue
                incremental[g, k] = True
                out[g, k] /= seen - 1
                lost[g, k] /= seen - 1
            share = (seen - 1) / seen
            out[g, k], lost[g, k] = add(value / seen, share * out[g, k], share * lost[g, k])
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            there[g, k] = count[g, k] > 0
            if incremental[g, k]:
                out[g, k] += lost[g, k]
            elif there[g, k]:
                out[g, k] = out[g, k] / count[g, k] + lost[g, k] / count[g, k]


@njit(types.void(F64_2D, MASK_2D, I64, types.boolean, *RESULT), nogil=True, cache=True, error_model="numpy")
def extreme(values, present, group, largest, out, there):
    """NaN only where there is nothing else."""
    there[:] = False
    out[:] = 0.0
    for s in range(len(group)):
        g = group[s]
        for k in range(out.shape[1]):
            if present[s, k]:
                value, best = values[s, k], out[g, k]
                better = value > best if largest else value < best
                if not there[g, k] or better or math.isnan(best):
                    out[g, k] = value
                there[g, k] = True


@njit(types.void(MASK_2D, I64, *RESULT), nogil=True, cache=True, error_model="numpy")
def count(present, group, out, there):
    """How many rows are present."""
    out[:] = 0.0
    for s in range(len(group)):
        for k in range(out.shape[1]):
            out[group[s], k] += present[s, k]
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            there[g, k] = out[g, k] > 0


@njit(types.void(F64_2D, MASK_2D, I64, *RESULT), nogil=True, cache=True, error_model="numpy")
def variance(values, present, group, out, there):
    """Of the whole population, by Welford's way."""
    middle, seen = np.zeros_like(out), np.zeros_like(out)
    out[:] = 0.0
    for s in range(len(group)):
        g = group[s]
        for k in range(out.shape[1]):
            if not present[s, k]:
                continue
            seen[g, k] += 1
            value = values[s, k]
            if seen[g, k] == 1:
                middle[g, k] = value
                out[g, k] = math.nan if math.isnan(value) or math.isinf(value) else 0.0
                continue
            away = value - middle[g, k]
            middle[g, k] += away / seen[g, k]
            out[g, k] += away * (value - middle[g, k])
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            there[g, k] = seen[g, k] > 0
            if there[g, k]:
                out[g, k] /= seen[g, k]
