"""What an attribute's key says about its value. Keys are few: each is judged once and then looked up by its bytes.

The dictionary lives as long as the step. Its room is bounded: once it is full it begins anew, so a flood of keys
costs time, not memory.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.context import (
    ARENA,
    ARENA_ROOM,
    ARENA_USED,
    ENTRIES,
    GLOB_AT,
    GLOB_BYTES,
    GLOBS,
    MASKS,
    PAIRS,
    SCRATCH,
    SLOT_MASK,
    SLOTS,
)
from ingest.masking.detectors.chars import lower
from ingest.masking.detectors.ids import Detector
from ingest.masking.detectors.names import names_phone, names_secret, normalise
from ingest.masking.prefilter import worth_looking
from schema.loads import get8, get64, load64, put64
from schema.wire.gather import copy_range

RULE_BITS, TELLS, PHONE, KEEP = 0xFF, 1 << 8, 1 << 9, 1 << 10
"""A key's class: in the low byte 1 + the rule that takes the whole value (0: none); whether something may stand in
the key itself; whether it names a telephone; whether the value is left alone."""

SLOT = 4
"""Words of a slot: the key's hash (0: free), its policy, offset and length in the arena, its class."""
LONGEST = 256
"""Keys longer than this are judged each time."""

KEY_NAME = int(Detector.KEY_NAME)
KEEP_RULE = 255
"""The rule of a glob whose values are left alone."""
PLAIN_RULE = 254
"""The rule of a glob whose values are looked at like any other, whatever the key's name."""

STAR = 0x2A

_MIX1, _MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@njit(nogil=True, cache=True)
def hash_of(data, start, size, policy):
    """A hash that is never 0, as int64. Equal hashes do not mean equal keys: the bytes are compared."""
    acc = np.uint64(policy) * _MIX2 + np.uint64(size) * _MIX1
    if size >= 8:
        p = start
        while p + 8 <= start + size:
            acc = (acc ^ load64(data, p)) * _MIX1
            acc ^= acc >> np.uint64(29)
            p += 8
        acc = (acc ^ load64(data, start + size - 8)) * _MIX2
    else:
        for p in range(start, start + size):
            acc = (acc ^ np.uint64(get8(data, p))) * _MIX1
    acc ^= acc >> np.uint64(32)
    return np.int64(acc | np.uint64(1))


@njit(nogil=True, cache=True)
def same(data, start, other, place, size):
    """Whether two ranges of `size` bytes are equal."""
    i = np.int64(0)
    while i + 8 <= size:
        if load64(data, start + i) != load64(other, place + i):
            return False
        i += 8
    while i < size:
        if get8(data, start + i) != get8(other, place + i):
            return False
        i += 1
    return True


@njit(nogil=True, cache=True)
def fits_glob(data, p, end, glob, q, last):
    """Whether data[p:end], in any case, fits a glob in small letters whose * stands for any bytes."""
    star = np.int64(-1)
    resume = p
    while p < end:
        if q < last and get8(glob, q) == STAR:
            star = q
            resume = p
            q += 1
        elif q < last and get8(glob, q) == lower(get8(data, p)):
            p += 1
            q += 1
        elif star >= 0:
            q = star + 1
            resume += 1
            p = resume
        else:
            return False
    while q < last and get8(glob, q) == STAR:
        q += 1
    return q == last


@njit(nogil=True, cache=True)
def judge(data, start, size, policy, ctx):
    """The class of a key for a policy; the first of the document's globs that fits wins over the built-in names."""
    mask = get64(get64(ctx, MASKS), policy)
    result = np.int64(0)
    named = mask & (1 << KEY_NAME) != 0
    globs, text = get64(ctx, GLOBS), get64(ctx, GLOB_BYTES)
    for k in range(get64(get64(ctx, GLOB_AT), policy), get64(get64(ctx, GLOB_AT), policy + 1)):
        first = get64(globs, 3 * k)
        if fits_glob(data, start, start + size, text, first, first + get64(globs, 3 * k + 1)):
            rule = get64(globs, 3 * k + 2)
            named = False
            if rule == KEEP_RULE:
                result = np.int64(KEEP)
            elif rule != PLAIN_RULE:
                result = rule + 1
            break
    scratch = get64(ctx, SCRATCH)
    length = normalise(data, start, start + size, scratch)
    if named and names_secret(scratch, length):
        result = np.int64(KEY_NAME + 1)
    if names_phone(scratch, length):
        result |= PHONE
    if worth_looking(data, start, start + size, get64(ctx, PAIRS)):
        result |= TELLS
    return result


@njit(nogil=True, cache=True)
def forget(ctx):
    """Empty the dictionary."""
    slots = get64(ctx, SLOTS)
    for k in range(get64(ctx, SLOT_MASK) + 1):
        put64(slots, k * SLOT, 0)
    put64(ctx, ENTRIES, 0)
    put64(ctx, ARENA_USED, 0)


@njit(nogil=True, cache=True)
def class_of(data, start, size, policy, ctx):
    """The class of the key data[start:start+size]."""
    if size > LONGEST:
        return judge(data, start, size, policy, ctx)
    slots, limit = get64(ctx, SLOTS), get64(ctx, SLOT_MASK)
    wanted = hash_of(data, start, size, policy)
    k = (wanted >> 8) & limit
    while True:
        held = get64(slots, k * SLOT)
        if held == 0:
            break
        if held == wanted:
            place = get64(slots, k * SLOT + 2)
            if (
                get64(slots, k * SLOT + 1) == policy
                and place & 0xFFFF == size
                and same(data, start, get64(ctx, ARENA), place >> 16, size)
            ):
                return get64(slots, k * SLOT + 3)
        k = (k + 1) & limit
    result = judge(data, start, size, policy, ctx)
    if 2 * get64(ctx, ENTRIES) > limit or get64(ctx, ARENA_USED) + size > get64(ctx, ARENA_ROOM):
        forget(ctx)
        k = (wanted >> 8) & limit
    used = get64(ctx, ARENA_USED)
    copy_range(data, start, size, get64(ctx, ARENA), used)
    put64(slots, k * SLOT, wanted)
    put64(slots, k * SLOT + 1, policy)
    put64(slots, k * SLOT + 2, used << 16 | size)
    put64(slots, k * SLOT + 3, result)
    put64(ctx, ARENA_USED, used + size)
    put64(ctx, ENTRIES, get64(ctx, ENTRIES) + 1)
    return result
