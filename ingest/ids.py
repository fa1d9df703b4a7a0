"""Trace and span ids as OTLP wants them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schema.wire import Slices

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def is_id(column: Slices, width: int) -> npt.NDArray[np.bool_]:
    """bool[rows]: `width` bytes that are not all zero (trace.proto: anything else is invalid)."""
    words: npt.NDArray[np.uint64] = column.fixed(width).view(np.uint64).reshape(len(column), width // 8)
    usable: npt.NDArray[np.bool_] = np.logical_and(column.len == width, (words != 0).any(axis=1))
    return usable
