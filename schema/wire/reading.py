"""Bounds-checked reads of the protobuf wire format, compiled into the kernels that use them.

`data` is the address of the bytes. Each takes the position and the end that it may not pass, and returns the next
position; a negative position is minus an ErrorCode. Reference: protobuf.dev "Encoding"; limits (ten-byte varints,
five-byte tags and lengths) as the official library (upb) has them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.loads import get8, load32, load64
from schema.wire.errors import ErrorCode

ERR_TRUNCATED = -int(ErrorCode.TRUNCATED)
ERR_VARINT = -int(ErrorCode.VARINT)
ERR_TAG = -int(ErrorCode.TAG)
ERR_WIRE_TYPE = -int(ErrorCode.WIRE_TYPE)
ERR_LENGTH = -int(ErrorCode.LENGTH)
ERR_UTF8 = -int(ErrorCode.UTF8)
ERR_DEPTH = -int(ErrorCode.DEPTH)
ERR_GROUP = -int(ErrorCode.GROUP)
ERR_PACKED = -int(ErrorCode.PACKED)

MAX_DEPTH = 100
"""Messages and groups below the root, as the official library limits them."""

MAX_LENGTH = (1 << 31) - 1


_HIGH = np.uint64(0x8080808080808080)
_HIGH32 = np.uint32(0x80808080)


@njit(nogil=True, cache=True)
def read_varint(data, p, end):
    """A varint of at most ten bytes -> (value, next). Bits beyond 64 are dropped, as the official library does."""
    value = np.uint64(0)
    for i in range(10):
        if p >= end:
            return value, ERR_TRUNCATED
        b = get8(data, p)
        p += 1
        value |= np.uint64(b & 0x7F) << np.uint64(7 * i)
        if b < 0x80:
            return value, p
    return value, ERR_VARINT


@njit(nogil=True, cache=True)
def read_tag(data, p, end):
    """A tag -> (field number << 3 | wire type, next). Field number 0 is left to the caller: see skip_group()."""
    value = np.int64(0)
    for i in range(5):
        if p >= end:
            return value, ERR_TRUNCATED
        b = get8(data, p)
        p += 1
        value |= (b & 0x7F) << (7 * i)
        if b < 0x80:
            if value >= 1 << 32:
                return value, ERR_TAG
            return value, p
    return value, ERR_TAG


@njit(nogil=True, cache=True)
def read_length(data, p, end):
    """The length of a delimited field whose bytes must lie before `end` -> (length, next)."""
    value = np.int64(0)
    for i in range(5):
        if p >= end:
            return value, ERR_TRUNCATED
        b = get8(data, p)
        p += 1
        value |= (b & 0x7F) << (7 * i)
        if b < 0x80:
            if value > MAX_LENGTH or value > end - p:
                return value, ERR_LENGTH
            return value, p
    return value, ERR_LENGTH


@njit(nogil=True, cache=True)
def valid_utf8(data, p, end):
    """Whether data[p:end] is UTF-8 (RFC 3629: no surrogates, nothing over-long, at most U+10FFFF)."""
    size = end - p
    if size >= 8:
        while p + 8 <= end and load64(data, p) & _HIGH == 0:
            p += 8
        if p + 8 > end and load64(data, end - 8) & _HIGH == 0:
            return True
    elif size >= 4 and (load32(data, p) | load32(data, end - 4)) & _HIGH32 == 0:
        return True
    while p < end:
        b = get8(data, p)
        if b < 0x80:
            p += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= b <= 0xDF:
            more = 1
        elif 0xE0 <= b <= 0xEF:
            more = 2
            if b == 0xE0:
                low = 0xA0
            elif b == 0xED:
                high = 0x9F
        elif 0xF0 <= b <= 0xF4:
            more = 3
            if b == 0xF0:
                low = 0x90
            elif b == 0xF4:
                high = 0x8F
        else:
            return False
        if p + more >= end or get8(data, p + 1) < low or get8(data, p + 1) > high:
            return False
        for i in range(2, more + 1):
            if get8(data, p + i) & 0xC0 != 0x80:
                return False
        p += more + 1
    return True


@njit(nogil=True, cache=True)
def skip_plain(data, p, end, tag):
    """Past an unknown field that is no group -> next."""
    wire = tag & 7
    if wire == 0:
        _, p = read_varint(data, p, end)
        return p
    if wire == 1:
        return p + 8 if end - p >= 8 else ERR_TRUNCATED
    if wire == 2:
        length, p = read_length(data, p, end)
        return p + length if p >= 0 else p
    if wire == 5:
        return p + 4 if end - p >= 4 else ERR_TRUNCATED
    return ERR_WIRE_TYPE


@njit(nogil=True, cache=True)
def skip_group(data, p, end, number, depth):
    """Past a group, and the groups in it, whose start tag was read -> next.

    As in the official library, a field number 0 passes inside a group that is skipped.
    """
    numbers = np.empty(MAX_DEPTH + 1, np.int64)
    opened = 0
    while True:
        if depth + opened >= MAX_DEPTH:
            return ERR_DEPTH
        numbers[opened] = number
        opened += 1
        tag = np.int64(0)
        while True:
            if p >= end:
                return ERR_GROUP
            tag, p = read_tag(data, p, end)
            if p < 0:
                return p
            if tag & 7 == 3:
                break
            if tag & 7 != 4:
                p = skip_plain(data, p, end, tag)
                if p < 0:
                    return p
                continue
            opened -= 1
            if numbers[opened] != tag >> 3:
                return ERR_GROUP
            if opened == 0:
                return p
        number = tag >> 3


@njit(nogil=True, cache=True)
def skip_field(data, p, end, tag, depth):
    """Past an unknown field whose tag was read -> next. Groups count towards the depth."""
    if tag & 7 == 3:
        return skip_group(data, p, end, tag >> 3, depth)
    return skip_plain(data, p, end, tag)
