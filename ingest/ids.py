"""Trace and span ids as OTLP wants them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schema.wire import Slices

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def is_id(column: Slices, width: int) -> npt.NDArray[np.bool_]:
    """bool[rows]: `width` bytes that are not all zero (trace.proto: anything else is invalid)."""
    return column.are_ids(width)
