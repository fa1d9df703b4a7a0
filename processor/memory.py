"""Gives memory back to the system after a burst: allocators keep what a large window needed."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Return free memory of Arrow's pool and of the C library to the system. Milliseconds; does nothing elsewhere."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
