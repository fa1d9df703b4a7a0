"""quantile, topk, bottomk, limitk: what needs a group's rows together, or in order.

`order` lists the rows group by group, each group's in the vector's order, at bounds[g]:bounds[g + 1].
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from otelhouse.promql.kernels.quantiles import quantile
from otelhouse.promql.kernels.signatures import F64, F64_2D, I64, MASK_2D, OWN_MASK_2D, RESULT


@njit(types.void(F64_2D, MASK_2D, I64, I64, F64, *RESULT), nogil=True, cache=True, error_model="numpy")
def quantiles(values, present, order, bounds, wanted, out, there):
    """The quantile wanted[k] of each group at step k."""
    found = np.empty(len(order))
    for g in range(out.shape[0]):
        for k in range(out.shape[1]):
            count = 0
            for i in range(bounds[g], bounds[g + 1]):
                if present[order[i], k]:
                    found[count] = values[order[i], k]
                    count += 1
            there[g, k] = count > 0
            out[g, k] = quantile(wanted[k], found[:count]) if count > 0 else 0.0


@njit("boolean(float64, float64, boolean)", nogil=True, cache=True, error_model="numpy")
def worse(left, right, largest):
    """NaN is worse than all else, whichever are wanted."""
    if math.isnan(left):
        return True
    return left < right if largest else left > right


@njit("void(int64[::1], float64[::1], int64, int64, boolean)", nogil=True, cache=True, error_model="numpy")
def sink(rows, keys, at, size, largest):
    """Restore a heap, the worst at its root, below `at`."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and worse(keys[child + 1], keys[child], largest):
            child += 1
        if not worse(keys[child], keys[at], largest):
            return
        rows[at], rows[child] = rows[child], rows[at]
        keys[at], keys[child] = keys[child], keys[at]
        at = child


@njit("void(int64[::1], float64[::1], int64, boolean)", nogil=True, cache=True, error_model="numpy")
def rise(rows, keys, at, largest):
    """Restore a heap above `at`."""
    while at > 0:
        parent = (at - 1) // 2
        if not worse(keys[at], keys[parent], largest):
            return
        rows[at], rows[parent] = rows[parent], rows[at]
        keys[at], keys[parent] = keys[parent], keys[at]
        at = parent


@njit(
    types.void(F64_2D, MASK_2D, I64, I64, I64, types.boolean, OWN_MASK_2D), nogil=True, cache=True, error_model="numpy"
)
def best(values, present, order, bounds, wanted, largest, chosen):
    """The wanted[k] largest (smallest) of each group at step k; which of equal ones is as Prometheus' heap has it."""
    most = 0
    for k in range(len(wanted)):
        most = max(most, wanted[k])
    most = min(most, len(order))
    rows, keys = np.empty(most, np.int64), np.empty(most)
    chosen[:] = False
    for g in range(len(bounds) - 1):
        for k in range(len(wanted)):
            size, limit = 0, min(wanted[k], most)
            if limit < 1:
                continue
            for i in range(bounds[g], bounds[g + 1]):
                row = order[i]
                if not present[row, k]:
                    continue
                value = values[row, k]
                if size < limit:
                    rows[size], keys[size] = row, value
                    size += 1
                    rise(rows, keys, size - 1, largest)
                elif (keys[0] < value if largest else keys[0] > value) or (
                    math.isnan(keys[0]) and not math.isnan(value)
                ):
                    rows[0], keys[0] = row, value
                    sink(rows, keys, 0, size, largest)
            for i in range(size):
                chosen[rows[i], k] = True


@njit(types.void(MASK_2D, I64, I64, I64, OWN_MASK_2D), nogil=True, cache=True, error_model="numpy")
def first(present, order, bounds, wanted, chosen):
    """The first wanted[k] of each group at step k."""
    chosen[:] = False
    for g in range(len(bounds) - 1):
        for k in range(len(wanted)):
            size = 0
            for i in range(bounds[g], bounds[g + 1]):
                if size < wanted[k] and present[order[i], k]:
                    chosen[order[i], k] = True
                    size += 1
