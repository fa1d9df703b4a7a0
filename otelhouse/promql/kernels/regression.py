"""deriv, predict_linear: a line through a window's samples, by least squares."""

from __future__ import annotations

import math

from numba import njit, types

from otelhouse.promql.kernels.kahan import add
from otelhouse.promql.kernels.signatures import F64, I64, RESULT, WINDOWS


@njit(
    types.UniTuple(types.float64, 2)(I64, F64, types.int64, types.int64, types.int64),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def line(times, values, low, high, zero_ms):
    """-> (slope per second, value at `zero_ms`)."""
    first = values[low]
    constant = True
    sum_x, lost_x, sum_y, lost_y = 0.0, 0.0, 0.0, 0.0
    sum_xy, lost_xy, sum_xx, lost_xx = 0.0, 0.0, 0.0, 0.0
    for i in range(low, high):
        constant = constant and (i == low or values[i] == first)
        x = (times[i] - zero_ms) / 1000
        sum_x, lost_x = add(x, sum_x, lost_x)
        sum_y, lost_y = add(values[i], sum_y, lost_y)
        sum_xy, lost_xy = add(x * values[i], sum_xy, lost_xy)
        sum_xx, lost_xx = add(x * x, sum_xx, lost_xx)
    if constant:
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    count = float(high - low)
    sum_x, sum_y, sum_xy, sum_xx = sum_x + lost_x, sum_y + lost_y, sum_xy + lost_xy, sum_xx + lost_xx
    slope = (sum_xy - sum_x * sum_y / count) / (sum_xx - sum_x * sum_x / count)
    return slope, sum_y / count - slope * sum_x / count


@njit(types.void(*WINDOWS, types.boolean, I64, F64, *RESULT), nogil=True, cache=True, error_model="numpy")
def regression(offsets, times, values, ends, range_ms, predict, steps_ms, ahead, out, present):
    """The slope; `predict`: where the line stands ahead[k] seconds after the step steps_ms[k]."""
    for s in range(len(offsets) - 1):
        low = high = offsets[s]
        end = offsets[s + 1]
        for k in range(len(ends)):
            while high < end and times[high] <= ends[k]:
                high += 1
            while low < high and times[low] <= ends[k] - range_ms:
                low += 1
            present[s, k] = high - low >= 2
            out[s, k] = 0.0
            if high - low < 2:
                continue
            slope, value = line(times, values, low, high, steps_ms[k] if predict else times[low])
            out[s, k] = slope * ahead[k] + value if predict else slope
