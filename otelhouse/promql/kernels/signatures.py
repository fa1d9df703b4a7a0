"""Types of the kernels' arguments."""

from __future__ import annotations

from numba import types

I32, I64, F64, MASK = (
    types.Array(each, 1, "C") for each in (types.int32, types.int64, types.float64, types.boolean)
)  # fmt: skip
I32_2D, I64_2D, F64_2D, MASK_2D = (
    types.Array(each, 2, "C") for each in (types.int32, types.int64, types.float64, types.boolean)
)  # fmt: skip
WINDOWS = (I64, I64, F64, I64, types.int64)
"""offsets, times, values, ends, range_ms."""
RESULT = (F64_2D, MASK_2D)
"""out, present."""
