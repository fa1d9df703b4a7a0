"""Memory of windows: kept from one to the next, and given back to the system after a burst."""

from __future__ import annotations

import ctypes

import pyarrow as pa

from schema.wire import Spare

SPARE = Spare()
"""For whoever makes rows: one at a time (see Worker)."""


def give_back() -> None:
    """Return free memory of Arrow's pool and of the C library to the system. Milliseconds; does nothing elsewhere."""
    SPARE.clear()
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
