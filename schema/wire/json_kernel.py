"""The kernel of `from_json.py`: a JSON document to protobuf in one pass, by tables, without an object.

A message's length is known when its object ends, and it is written before the message: one byte is kept for it, and
what follows is moved where that is too few.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit, types

from schema.loads import address, get8, load32, load64, put8, store64
from schema.wire.gather import copy_range
from schema.wire.json_reading import (
    BASE64,
    CLOSE,
    CLOSE_LIST,
    COLON,
    COMMA,
    DEPTH,
    ENUM,
    HEX,
    LOW_F,
    LOW_N,
    LOW_T,
    MINUS,
    NINE,
    OPEN,
    OPEN_LIST,
    QUOTE,
    RANGE,
    ROOM,
    SYNTAX,
    TYPE,
    ZERO,
    fraction,
    hex_digit,
    read_number,
    skip_literal,
    skip_space,
    skip_value,
    string_end,
    unescape,
    whole,
)
from schema.wire.reading import MAX_DEPTH, valid_utf8

LEVELS = 2 * MAX_DEPTH + 2
"""Messages in each other, the root included, and the lists around them."""


class Kind(IntEnum):
    """What a field's value is in JSON, and how it is written."""

    MESSAGE = 0
    STRING = 1
    HEX = 2
    BASE64 = 3
    BOOL = 4
    DOUBLE = 5
    ENUM = 6
    INT32 = 7
    UINT32 = 8
    INT64 = 9
    UINT64 = 10
    SINT32 = 11
    FIXED32 = 12
    FIXED64 = 13
    SFIXED64 = 14


_MESSAGE, _STRING, _HEX, _BASE64, _BOOL, _DOUBLE, _ENUM = (int(kind) for kind in list(Kind)[:7])
_SINT32, _FIXED32, _FIXED64, _SFIXED64 = (int(kind) for kind in list(Kind)[11:])

_SIGNED = {Kind.ENUM: 31, Kind.INT32: 31, Kind.SINT32: 31, Kind.INT64: 63, Kind.SFIXED64: 63}
_UNSIGNED = {Kind.UINT32: 32, Kind.FIXED32: 32, Kind.UINT64: 64, Kind.FIXED64: 64}
_MOST = np.array([(1 << _SIGNED[k]) - 1 if k in _SIGNED else (1 << _UNSIGNED.get(k, 0)) - 1 for k in Kind], np.uint64)
"""The greatest integer of each kind."""
_LEAST = np.array([1 << _SIGNED[k] if k in _SIGNED else 0 for k in Kind], np.uint64)
"""The magnitude of the least."""

TAG, KIND, REPEATED, SUB = range(4)
"""Columns of a field's row: its tag, Kind, whether it repeats, and the message or enum that its value is."""
SPACE, KEY_AT, KEY_SIZE, ROW = range(4)
"""Columns of a slot of the table of names: the message or enum, where in the keys the name is, and what it means: the
field's row, or the enum's number. ROW is -1 in a free slot."""

_FREE = -1
_NO_NUMBER = np.int64(-(1 << 40))
_NAN, _INFINITY = np.float64("nan"), np.float64("inf")
_SPARE = 24
"""Room that any number needs, its tag included."""


def name_hash(space: int, name: bytes) -> int:
    """What `find_name` computes of a name."""
    value = space * 0x9E3779B1 & 0xFFFFFFFF
    for byte in name:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


@njit(nogil=True, cache=True)
def find_name(base, p, size, space, slots, keys):
    """What a name of this message or enum means, or less than any row or number."""
    value = np.int64(space * 0x9E3779B1 & 0xFFFFFFFF)
    for i in range(size):
        value = (value ^ get8(base, p + i)) * 0x01000193 & 0xFFFFFFFF
    at = value & (len(slots) - 1)
    while slots[at, KEY_AT] >= 0:
        if slots[at, SPACE] == space and slots[at, KEY_SIZE] == size:
            same = True
            for i in range(size):
                if keys[slots[at, KEY_AT] + i] != get8(base, p + i):
                    same = False
                    break
            if same:
                return np.int64(slots[at, ROW])
        at = (at + 1) & (len(slots) - 1)
    return _NO_NUMBER


@njit(nogil=True, cache=True)
def put_varint(out, q, value):
    """Write a uint64 -> next."""
    while value >= np.uint64(0x80):
        put8(out, q, np.int64(value & np.uint64(0x7F)) | 0x80)
        value >>= np.uint64(7)
        q += 1
    put8(out, q, np.int64(value))
    return q + 1


@njit(nogil=True, cache=True)
def close_length(out, at, q):
    """Write the length of what lies between the byte kept for it at `at` and `q` -> next."""
    size = q - at - 1
    put8(out, at, size)
    if size < 0x80:
        return q
    more = np.int64(0)
    left = size >> 7
    while left:
        more += 1
        left >>= 7
    p = q  # backwards, because the ranges overlap
    while p - 8 > at:
        p -= 8
        store64(out, p + more, load64(out, p))
    while p - 1 > at:
        p -= 1
        put8(out, p + more, get8(out, p))
    put_varint(out, at, np.uint64(size))
    return q + more


@njit(nogil=True, cache=True)
def put_number(out, q, kind, negative, magnitude):
    """Write an integer that fits its kind -> next."""
    value = np.uint64(0) - magnitude if negative else magnitude
    if kind in (_FIXED64, _SFIXED64):
        store64(out, q, value)
        return q + 8
    if kind == _FIXED32:
        store64(out, q, value)
        return q + 4
    if kind == _SINT32:
        value = (magnitude << np.uint64(1)) - np.uint64(negative)
    return put_varint(out, q, value)


@njit(nogil=True, cache=True)
def put_hex(data, p, stop, out, q):
    """Write the bytes that hexadecimal digits stand for -> next, or an error."""
    if (stop - p) & 1:
        return np.int64(HEX)
    while p < stop:
        high, low = hex_digit(get8(data, p)), hex_digit(get8(data, p + 1))
        if high < 0 or low < 0:
            return np.int64(HEX)
        put8(out, q, high << 4 | low)
        p, q = p + 2, q + 1
    return q


@njit(nogil=True, cache=True)
def put_base64(data, p, stop, out, q):
    """Write the bytes of base64 in either alphabet, padded or not -> next, or an error."""
    for _ in range(2):
        if stop > p and get8(data, stop - 1) == 0x3D:
            stop -= 1
    if (stop - p) & 3 == 1:
        return np.int64(BASE64)
    bits = np.int64(0)
    held = 0
    while p < stop:
        c = get8(data, p)
        if 0x41 <= c <= 0x5A:
            digit = c - 0x41
        elif 0x61 <= c <= 0x7A:
            digit = c - 0x47
        elif ZERO <= c <= NINE:
            digit = c + 4
        elif c == 0x2B or c == MINUS:
            digit = np.int64(62)
        elif c == 0x2F or c == 0x5F:
            digit = np.int64(63)
        else:
            return np.int64(BASE64)
        bits = (bits << 6 | digit) & 0xFFFF
        held += 6
        if held >= 8:
            held -= 8
            put8(out, q, bits >> held & 0xFF)
            q += 1
        p += 1
    return q


@njit(nogil=True, cache=True)
def put_text(data, p, end, kind, out, q, room):
    """Write the value of a string field of this kind, whose quote was read -> (next p or an error, next q)."""
    stop, escapes = string_end(data, p, end)
    if stop < 0:
        return stop, q
    if room - q < stop - p + _SPARE:
        return np.int64(ROOM), q
    if kind == _STRING and not escapes:
        q = put_varint(out, q, np.uint64(stop - p))
        copy_range(data, p, stop - p, out, q)
        return stop + 1, q + stop - p
    source, first, last = data, p, stop
    if escapes:
        # What is left of it stays behind what is read of it, so that it can be decoded where it stands.
        source, first, last = out, q + 1, unescape(data, p, stop, out, q + 1)
        if last < 0:
            return last, q
    if kind == _HEX:
        last = put_hex(source, first, last, out, q + 1)
    elif kind == _BASE64:
        last = put_base64(source, first, last, out, q + 1)
    if last < 0:
        return last, q
    return stop + 1, close_length(out, q, last)


@njit(nogil=True, cache=True)
def named_double(data, p, size):
    """The double that a string means -> (value, whether it is a name of one)."""
    if size == 3 and get8(data, p) == 0x4E and get8(data, p + 1) == 0x61 and get8(data, p + 2) == 0x4E:
        return _NAN, True
    sign = np.int64(size > 0 and get8(data, p) == MINUS)
    # "Infi" and "nity", as the machine reads them
    if size - sign == 8 and load32(data, p + sign) == 0x69666E49 and load32(data, p + sign + 4) == 0x7974696E:
        return -_INFINITY if sign else _INFINITY, True
    return 0.0, False


@njit(nogil=True, cache=True)
def put_scalar(data, p, end, kind, sub, out, q, room, slots, keys, scratch):
    """Write a number, bool or enum whose text begins at `p` -> (next p or an error, next q)."""
    if room - q < _SPARE:
        return np.int64(ROOM), q
    c = get8(data, p)
    if kind == _BOOL:
        if c != LOW_T and c != LOW_F:
            return np.int64(TYPE), q
        put8(out, q, c == LOW_T)
        return skip_literal(data, p, end), q + 1
    quoted = c == QUOTE
    start = p + quoted
    stop = end
    if quoted:
        stop, escapes = string_end(data, start, end)
        if stop < 0:
            return stop, q
        if kind == _DOUBLE:
            value, named = named_double(data, start, stop - start)
            if named:
                scratch[0] = value
                store64(out, q, load64(address(scratch), 0))
                return stop + 1, q + 8
        if kind == _ENUM and stop > start and get8(data, start) > NINE:
            number = find_name(data, start, stop - start, sub, slots, keys)
            if escapes or number < 0:
                return np.int64(ENUM), q
            return stop + 1, put_varint(out, q, np.uint64(number))
    elif c != MINUS and not ZERO <= c <= NINE:
        return np.int64(TYPE), q
    p, negative, mantissa, power, lost = read_number(data, start, stop, quoted)
    if p < 0 or (quoted and p != stop):
        return np.int64(TYPE if quoted else SYNTAX), q
    if kind == _DOUBLE:
        value = fraction(data, start, negative, mantissa, power, lost)
        if not np.isfinite(value):
            return np.int64(RANGE), q
        scratch[0] = value
        store64(out, q, load64(address(scratch), 0))
        return p + quoted, q + 8
    magnitude, fits = whole(mantissa, power, lost)
    if not fits or magnitude > (_LEAST[kind] if negative else _MOST[kind]):
        return np.int64(RANGE), q
    return p + quoted, put_number(out, q, kind, negative, magnitude)


@njit(nogil=True, cache=True)
def put_list(data, p, end, row, fields, out, q, room, slots, keys, scratch):
    """Write a list of strings or numbers whose bracket was read -> (next p or an error, next q)."""
    kind, tag = fields[row, KIND], fields[row, TAG]
    at = q
    packed = kind != _STRING
    p = skip_space(data, p, end)
    if p < end and get8(data, p) == CLOSE_LIST:
        return p + 1, q
    if packed:
        if room - q < _SPARE:
            return np.int64(ROOM), q
        at = put_varint(out, q, np.uint64(tag))
        q = at + 1
    while True:
        p = skip_space(data, p, end)
        if p >= end:
            return np.int64(SYNTAX), q
        if packed:
            p, q = put_scalar(data, p, end, kind, fields[row, SUB], out, q, room, slots, keys, scratch)
        elif get8(data, p) != QUOTE:
            return np.int64(TYPE), q
        else:
            if room - q < _SPARE:
                return np.int64(ROOM), q
            p, q = put_text(data, p + 1, end, kind, out, put_varint(out, q, np.uint64(tag)), room)
        if p < 0:
            return p, q
        p = skip_space(data, p, end)
        if p >= end:
            return np.int64(SYNTAX), q
        c = get8(data, p)
        p += 1
        if c == CLOSE_LIST:
            if packed:
                if room - q < _SPARE:
                    return np.int64(ROOM), q
                q = close_length(out, at, q)
            return p, q
        if c != COMMA:
            return np.int64(SYNTAX), q


@njit(nogil=True, cache=True)
def put_value(data, p, end, row, fields, out, q, room, slots, keys, scratch):
    """Write a field that is no message -> (next p or an error, next q)."""
    kind = fields[row, KIND]
    c = get8(data, p)
    if c == LOW_N:
        return skip_literal(data, p, end), q
    if fields[row, REPEATED]:
        if c != OPEN_LIST:
            return np.int64(TYPE), q
        return put_list(data, p + 1, end, row, fields, out, q, room, slots, keys, scratch)
    if room - q < _SPARE:
        return np.int64(ROOM), q
    q = put_varint(out, q, np.uint64(fields[row, TAG]))
    if kind in (_STRING, _HEX, _BASE64):
        if c != QUOTE:
            return np.int64(TYPE), q
        return put_text(data, p + 1, end, kind, out, q, room)
    return put_scalar(data, p, end, kind, fields[row, SUB], out, q, room, slots, keys, scratch)


@njit(nogil=True, cache=True)
def read_name(data, p, end, space, out, q, room, slots, keys):
    """A key whose quote was read, and its colon -> (where its value begins or an error, its field's row or less)."""
    stop, escapes = string_end(data, p, end)
    if stop < 0:
        return stop, np.int64(_FREE)
    if not escapes:
        row = find_name(data, p, stop - p, space, slots, keys)
    else:
        if room - q < stop - p + 8:
            return np.int64(ROOM), np.int64(_FREE)
        last = unescape(data, p, stop, out, q)
        if last < 0:
            return last, np.int64(_FREE)
        row = find_name(out, q, last - q, space, slots, keys)
    p = skip_space(data, stop + 1, end)
    if p >= end or get8(data, p) != COLON:
        return np.int64(SYNTAX), row
    p = skip_space(data, p + 1, end)
    return (p if p < end else np.int64(SYNTAX)), row


_READONLY = types.Array(types.uint8, 1, "C", readonly=True)
_U8 = types.Array(types.uint8, 1, "C")
_TABLE = types.Array(types.int32, 2, "C")


@njit(types.UniTuple(types.int64, 3)(_READONLY, _U8, _TABLE, _TABLE, _U8), nogil=True, cache=True)
def convert(text, out, fields, slots, keys):
    """A document of message 0 -> (0 or an error, bytes written, where in the text it went wrong).

    `out` has room for the longest string of the text and more.
    """
    data, end = address(text), np.int64(len(text))
    target, room = address(out), np.int64(len(out))
    scratch = np.zeros(1, np.float64)
    if not valid_utf8(data, 0, end):
        return np.int64(SYNTAX), np.int64(0), np.int64(0)
    message = np.zeros(LEVELS, np.int64)  # of an object; of a list, that of the objects in it
    tag = np.zeros(LEVELS, np.int64)  # of a list: what each object in it begins with; 0 for an object
    length_at = np.zeros(LEVELS, np.int64)
    q = np.int64(0)
    level = 0
    nested = 0
    p = skip_space(data, 0, end)
    if p >= end or get8(data, p) != OPEN:
        return np.int64(SYNTAX), q, p
    p += 1
    length_at[0] = -1
    fresh = True  # nothing stands before the next value of this object or list
    while True:
        p = skip_space(data, p, end)
        at = p
        if p >= end:
            return np.int64(SYNTAX), q, at
        c = get8(data, p)
        in_list = tag[level] != 0
        if c == (CLOSE_LIST if in_list else CLOSE):
            p += 1
            fresh = False
            if not in_list:
                if level == 0:
                    break
                if room - q < _SPARE:
                    return np.int64(ROOM), q, at
                q = close_length(target, length_at[level], q)
                nested -= 1
            level -= 1
            continue
        if not fresh:
            if c != COMMA:
                return np.int64(SYNTAX), q, at
            p = skip_space(data, p + 1, end)
            if p >= end:
                return np.int64(SYNTAX), q, at
            c = get8(data, p)
        fresh = False
        sub = message[level]
        begin = tag[level]
        if not in_list:
            if c != QUOTE:
                return np.int64(SYNTAX), q, at
            p, row = read_name(data, p + 1, end, message[level], target, q, room, slots, keys)
            if p < 0:
                return p, q, at
            if row < 0:
                # What is skipped may hold a string of any length: its escapes are checked where there is room.
                p = skip_value(data, p, end, target, q) if room - q >= end - p else np.int64(ROOM)
            elif fields[row, KIND] != _MESSAGE or get8(data, p) == LOW_N:
                p, q = put_value(data, p, end, row, fields, target, q, room, slots, keys, scratch)
            else:
                sub, begin = np.int64(fields[row, SUB]), np.int64(fields[row, TAG])
                if fields[row, REPEATED]:
                    if get8(data, p) != OPEN_LIST:
                        return np.int64(TYPE), q, at
                    level += 1
                    message[level], tag[level] = sub, begin
                    fresh = True
                    p += 1
                    continue
                in_list = True  # an object is opened below
            if p < 0:
                return p, q, at
            if not in_list:
                continue
        if get8(data, p) != OPEN:
            return np.int64(TYPE), q, at
        if nested == MAX_DEPTH:
            return np.int64(DEPTH), q, at
        if room - q < _SPARE:
            return np.int64(ROOM), q, at
        nested += 1
        level += 1
        message[level], tag[level] = sub, 0
        length_at[level] = put_varint(target, q, np.uint64(begin))
        q = length_at[level] + 1
        fresh = True
        p += 1
    p = skip_space(data, p, end)
    return (np.int64(0) if p == end else np.int64(SYNTAX)), q, p
