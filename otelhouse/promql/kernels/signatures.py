"""Types of the kernels' arguments. What is only read may be read-only, as columns of Arrow are."""

from __future__ import annotations

from numba import types


def _array(item: types.Type, dimensions: int, readonly: bool) -> types.Type:
    return types.Array(item, dimensions, "C", readonly=readonly)


I64, F64, MASK, U64 = (_array(each, 1, True) for each in (types.int64, types.float64, types.boolean, types.uint64))
F64_2D, MASK_2D = _array(types.float64, 2, True), _array(types.boolean, 2, True)
OWN_I64, OWN_F64 = _array(types.int64, 1, False), _array(types.float64, 1, False)
OWN_F64_2D, OWN_MASK_2D = _array(types.float64, 2, False), _array(types.boolean, 2, False)
WINDOWS = (I64, I64, F64, I64, types.int64)
"""offsets, times, values, ends, range_ms."""
RESULT = (OWN_F64_2D, OWN_MASK_2D)
"""out, present."""
