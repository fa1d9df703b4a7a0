"""Texts of late in which nothing can be: most values of telemetry come again and again.

A slot is a cache line: the text's hash and length, then its bytes, which are compared, so that no text is taken for
another. Whoever comes later takes the slot. It is asked before the prefilter, which is the same for all tenants.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.context import SEEN
from schema.loads import get64, load64, put64, store64

SLOTS = 1 << 12
LINE = 8
"""Words of a slot."""
SHORTEST, LONGEST = 8, 56
"""Bytes of a text that is kept."""

_MIX1, _MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@njit(nogil=True, cache=True)
def tag_of(data, start, size):
    """Hash and length of a text of SHORTEST bytes or more; never 0."""
    acc = np.uint64(size) * _MIX1
    p = start
    while p + 8 <= start + size:
        acc = (acc ^ load64(data, p)) * _MIX1
        acc ^= acc >> np.uint64(29)
        p += 8
    acc = (acc ^ load64(data, start + size - 8)) * _MIX2
    return np.int64((acc ^ acc >> np.uint64(31)) << np.uint64(6) | np.uint64(size))


@njit(nogil=True, cache=True)
def was_seen(data, start, size, tag, ctx):
    """Whether this text is known to hold nothing."""
    slot = get64(ctx, SEEN) + (tag >> 20 & (SLOTS - 1)) * LINE * 8
    if get64(slot, 0) != tag:
        return False
    i = np.int64(0)
    while i + 8 <= size:
        if load64(slot, 8 + i) != load64(data, start + i):
            return False
        i += 8
    return load64(slot, size) == load64(data, start + size - 8)


@njit(nogil=True, cache=True)
def remember(data, start, size, tag, ctx):
    """Note that nothing can be in this text."""
    slot = get64(ctx, SEEN) + (tag >> 20 & (SLOTS - 1)) * LINE * 8
    put64(slot, 0, tag)
    i = np.int64(0)
    while i + 8 <= size:
        store64(slot, 8 + i, load64(data, start + i))
        i += 8
    store64(slot, size, load64(data, start + size - 8))
