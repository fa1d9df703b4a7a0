"""Writes what stands in the log instead: each leaf with its spans replaced."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit, types

from ingest.masking.context import END, FROM, LEAF, SPAN, START, TO
from ingest.masking.detectors.chars import AT, DOT
from ingest.masking.detectors.ids import Detector
from schema.loads import address, get8, get64, put8
from schema.wire.gather import copy_range


class Action(IntEnum):
    """What is done with a hit; the name in lower case is what a rule document calls it."""

    OFF = 0
    MASK = 1
    PARTIAL = 2
    HASH = 3
    DROP = 4


MASK, PARTIAL, HASH, DROP = (int(action) for action in Action if action)
STARS = 4
STAR = 0x2A
HASH_CHARACTERS = 22
"""base64url of 128 bits."""

CARD, IBAN, EMAIL, SSN, PHONE, IPV4 = (
    int(Detector[name]) for name in ("CARD", "IBAN", "EMAIL", "SSN", "PHONE", "IPV4")
)

_U8 = types.Array(types.uint8, 1, "C")
_I64 = types.Array(types.int64, 1, "C")


@njit(nogil=True, cache=True)
def put_stars(out, p):
    """What says that something stood here -> next."""
    for k in range(STARS):
        put8(out, p + k, STAR)
    return p + STARS


@njit(nogil=True, cache=True)
def partly(data, start, end, rule):
    """How many bytes of a hit stay at its beginning and end."""
    size = end - start
    head, tail = np.int64(0), np.int64(0)
    if rule in (CARD, SSN, PHONE):
        tail = np.int64(4)
    elif rule == IBAN:
        head, tail = np.int64(2), np.int64(4)
    elif rule == EMAIL:
        sign = start
        while sign < end and get8(data, sign) != AT:
            sign += 1
        if sign == end:
            return np.int64(0), np.int64(0)
        head = np.int64(1) if sign - start > 1 and get8(data, start) < 0x80 else np.int64(0)
        return head, end - sign
    elif rule == IPV4:
        dots = 0
        while head < size and dots < 2:
            dots += get8(data, start + head) == DOT
            head += 1
        return head, np.int64(0)
    else:
        head = np.int64(4)
    # Half of it at the most, and no part of a character.
    if 2 * (head + tail) > size:
        return np.int64(0), np.int64(0)
    for k in range(start, start + head):
        if get8(data, k) >= 0x80:
            head = np.int64(0)
    if tail and get8(data, end - tail) & 0xC0 == 0x80:
        tail = np.int64(0)
    return head, tail


@njit(types.void(_U8, _I64, _I64, _I64, _I64, _I64, _I64), nogil=True, cache=True)
def measure(data, leaves, spans, first, action, width, sizes):
    """sizes[leaf] = bytes of the new leaf. `first`: int64[leaves + 1], its spans; `width` of a hash, by leaf."""
    source, row, hit = address(data), address(leaves), address(spans)
    for leaf in range(len(sizes)):
        size = get64(row, leaf * LEAF + END) - get64(row, leaf * LEAF + START)
        for k in range(first[leaf], first[leaf + 1]):
            start, end = get64(hit, k * SPAN + FROM), get64(hit, k * SPAN + TO)
            size -= end - start
            if action[k] == HASH:
                size += width[leaf]
            elif action[k] == PARTIAL:
                head, tail = partly(source, start, end, get64(hit, k * SPAN + 3))
                size += head + tail + STARS
            elif action[k] == MASK:
                size += STARS
        sizes[leaf] = size


@njit(types.void(_U8, _I64, _I64, _I64, _I64, _I64, _I64, _U8, _I64), nogil=True, cache=True)
def write(data, leaves, spans, first, action, width, offsets, out, places):
    """Write the new leaves to out[offsets[leaf]:]; places[span] = where room is left for its hash."""
    source, row, hit, target = address(data), address(leaves), address(spans), address(out)
    for leaf in range(len(width)):
        p = offsets[leaf]
        at = get64(row, leaf * LEAF + START)
        for k in range(first[leaf], first[leaf + 1]):
            start, end = get64(hit, k * SPAN + FROM), get64(hit, k * SPAN + TO)
            copy_range(source, at, start - at, target, p)
            p += start - at
            at = end
            if action[k] == HASH:
                places[k] = p
                p += width[leaf]
            elif action[k] == PARTIAL:
                head, tail = partly(source, start, end, get64(hit, k * SPAN + 3))
                copy_range(source, start, head, target, p)
                p = put_stars(target, p + head)
                copy_range(source, end - tail, tail, target, p)
                p += tail
            elif action[k] == MASK:
                p = put_stars(target, p)
        end = get64(row, leaf * LEAF + END)
        copy_range(source, at, end - at, target, p)
