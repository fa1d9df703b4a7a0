"""Reads of JSON text (RFC 8259), compiled into the kernel of `from_json.py`.

`data` is the address of the text, which is valid UTF-8. Each takes the position and the end that it may not pass, and
returns the next position; a negative one is minus a JsonError.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit, types

from schema.loads import get8, load64, put8

MAX_NESTING = 512
"""Objects and arrays in each other, in what is skipped."""


class JsonError(IntEnum):
    """Why a document was rejected."""

    SYNTAX = 1
    TYPE = 2
    RANGE = 3
    HEX = 4
    BASE64 = 5
    DEPTH = 6
    ROOM = 7
    ENUM = 8

    @property
    def text(self) -> str:
        """The reason in words, fit for an error message to the client. Holds nothing of the data."""
        return _TEXT[self]


_TEXT = {
    JsonError.SYNTAX: "not valid JSON",
    JsonError.TYPE: "a field has a value of another type",
    JsonError.RANGE: "a number does not fit its field",
    JsonError.HEX: "a trace id or span id is not hexadecimal",
    JsonError.BASE64: "a bytesValue is not base64",
    JsonError.DEPTH: "nested too deep",
    JsonError.ROOM: "larger in protobuf than is allowed",
    JsonError.ENUM: "an enum has a value of no known name",
}

SYNTAX, TYPE, RANGE, HEX, BASE64, DEPTH, ROOM, ENUM = (-int(error) for error in JsonError)

QUOTE, BACKSLASH, COMMA, COLON, MINUS, PLUS, DOT = (ord(c) for c in '"\\,:-+.')
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = (ord(c) for c in "{}[]")
ZERO, NINE, LOW_E, HIGH_E, LOW_N, LOW_T, LOW_F, LOW_U = (ord(c) for c in "09eEntfu")

_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)
_EXACT = np.uint64(1 << 53)
_LAST = np.uint64((1 << 64) - 1)
_TEN = np.uint64(10)
_POWERS = np.array([10.0**i for i in range(23)])
_FARTHEST = 100_000

_strtod = types.ExternalFunction("strtod", types.float64(types.int64, types.int64))


@njit(nogil=True, cache=True)
def skip_space(data, p, end):
    """Past white space -> next, at most `end`."""
    while p < end:
        c = get8(data, p)
        if c > 0x20 or (c != 0x20 and c != 0x0A and c != 0x0D and c != 0x09):
            return p
        p += 1
    return p


@njit(nogil=True, cache=True)
def string_end(data, p, end):
    """Where a string ends whose quote was read -> (place of the closing quote, whether it has escapes)."""
    escapes = False
    while p < end:
        if p + 8 <= end:
            x = load64(data, p)
            a = x ^ _QUOTES
            b = x ^ _BACKSLASHES
            if (((a - _ONES) & ~a) | ((b - _ONES) & ~b) | ((x - _SPACES) & ~x)) & _HIGHS == 0:
                p += 8
                continue
        c = get8(data, p)
        if c == QUOTE:
            return p, escapes
        if c < 0x20:
            return SYNTAX, escapes
        if c == BACKSLASH:
            escapes = True
            p += 1
        p += 1
    return SYNTAX, escapes


@njit(nogil=True, cache=True)
def hex_digit(c):
    """A digit's value, or -1."""
    if 0x30 <= c <= 0x39:
        return c - 0x30
    c |= 0x20
    return c - 0x57 if 0x61 <= c <= 0x66 else np.int64(-1)


@njit(nogil=True, cache=True)
def _hex4(data, p, end):
    """Four digits -> value, or -1."""
    if end - p < 4:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(4):
        digit = hex_digit(get8(data, p + i))
        if digit < 0:
            return np.int64(-1)
        value = value << 4 | digit
    return value


@njit(nogil=True, cache=True)
def unescape(data, p, end, out, q):
    """The string data[p:end] with its escapes undone, written at `q` -> next `q`, or an error; never longer.

    Half of a surrogate pair becomes U+FFFD, as browsers send it for a text that was cut in the middle of a character.
    """
    while p < end:
        c = get8(data, p)
        if c != BACKSLASH:
            put8(out, q, c)
            p, q = p + 1, q + 1
            continue
        if p + 1 >= end:
            return SYNTAX
        c = get8(data, p + 1)
        p += 2
        if c != LOW_U:
            if c == 0x62:
                c = 0x08
            elif c == LOW_F:
                c = 0x0C
            elif c == LOW_N:
                c = 0x0A
            elif c == 0x72:
                c = 0x0D
            elif c == LOW_T:
                c = 0x09
            elif c != QUOTE and c != BACKSLASH and c != 0x2F:
                return SYNTAX
            put8(out, q, c)
            q += 1
            continue
        code = _hex4(data, p, end)
        if code < 0:
            return SYNTAX
        p += 4
        if 0xD800 <= code <= 0xDFFF:
            low = np.int64(-1)
            if code < 0xDC00 and end - p >= 6 and get8(data, p) == BACKSLASH and get8(data, p + 1) == LOW_U:
                low = _hex4(data, p + 2, end)
            if 0xDC00 <= low <= 0xDFFF:
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                p += 6
            else:
                code = np.int64(0xFFFD)
        q = _put_character(out, q, code)
    return q


@njit(nogil=True, cache=True)
def _put_character(out, q, code):
    """A character in UTF-8 -> next."""
    if code < 0x80:
        put8(out, q, code)
        return q + 1
    if code < 0x800:
        put8(out, q, 0xC0 | code >> 6)
        put8(out, q + 1, 0x80 | (code & 0x3F))
        return q + 2
    if code < 0x10000:
        put8(out, q, 0xE0 | code >> 12)
        put8(out, q + 1, 0x80 | (code >> 6 & 0x3F))
        put8(out, q + 2, 0x80 | (code & 0x3F))
        return q + 3
    put8(out, q, 0xF0 | code >> 18)
    put8(out, q + 1, 0x80 | (code >> 12 & 0x3F))
    put8(out, q + 2, 0x80 | (code >> 6 & 0x3F))
    put8(out, q + 3, 0x80 | (code & 0x3F))
    return q + 4


@njit(nogil=True, cache=True)
def read_number(data, p, end, padded):
    """A number -> (next, negative, mantissa uint64, power of ten, whether digits were lost).

    `padded`: leading zeros are taken too, as in a number that comes as a string.
    """
    mantissa = np.uint64(0)
    power = np.int64(0)
    lost = False
    negative = p < end and get8(data, p) == MINUS
    p += negative
    first = p
    while p < end and ZERO <= get8(data, p) <= NINE:
        if not lost:
            mantissa, kept = _digit(mantissa, get8(data, p))
            lost = not kept
        if lost:
            power += 1
        p += 1
    if p == first or (p - first > 1 and get8(data, first) == ZERO and not padded):
        return SYNTAX, negative, mantissa, power, lost
    if p < end and get8(data, p) == DOT:
        p += 1
        first = p
        while p < end and ZERO <= get8(data, p) <= NINE:
            if not lost:
                mantissa, kept = _digit(mantissa, get8(data, p))
                lost = not kept
                power -= kept
            p += 1
        if p == first:
            return SYNTAX, negative, mantissa, power, lost
    if p < end and (get8(data, p) == LOW_E or get8(data, p) == HIGH_E):
        p += 1
        down = p < end and get8(data, p) == MINUS
        if down or (p < end and get8(data, p) == PLUS):
            p += 1
        first = p
        exponent = np.int64(0)
        while p < end and ZERO <= get8(data, p) <= NINE:
            exponent = min(exponent * 10 + get8(data, p) - ZERO, _FARTHEST)
            p += 1
        if p == first:
            return SYNTAX, negative, mantissa, power, lost
        power += -exponent if down else exponent
    return p, negative, mantissa, power, lost


@njit(nogil=True, cache=True)
def _digit(mantissa, c):
    """Append a digit -> (mantissa, whether there was room)."""
    digit = np.uint64(c - ZERO)
    if mantissa > (_LAST - digit) // _TEN:
        return mantissa, False
    return mantissa * _TEN + digit, True


@njit(nogil=True, cache=True)
def whole(mantissa, power, lost):
    """A number as an integer -> (magnitude uint64, whether it is one that fits)."""
    if lost:
        return mantissa, False
    if mantissa == 0:
        return mantissa, True
    while power < 0:
        if mantissa % _TEN != 0:
            return mantissa, False
        mantissa //= _TEN
        power += 1
    while power > 0:
        if mantissa > _LAST // _TEN:
            return mantissa, False
        mantissa *= _TEN
        power -= 1
    return mantissa, True


@njit(nogil=True, cache=True)
def fraction(data, start, negative, mantissa, power, lost):
    """A number that begins at `start` as the nearest double, infinite if it is out of range.

    Exact where mantissa and power of ten are exact doubles (Clinger's fast path); else the C library's.
    A number is followed by a delimiter, so that strtod ends where it does.
    """
    if not lost and mantissa <= _EXACT and -22 <= power <= 22:
        value = np.float64(mantissa)
        value = value * _POWERS[power] if power >= 0 else value / _POWERS[-power]
        return -value if negative else value
    return _strtod(data + start, 0)


@njit(nogil=True, cache=True)
def skip_literal(data, p, end):
    """Past true, false or null -> next."""
    c = get8(data, p)
    if c == LOW_F:
        good = end - p >= 5 and get8(data, p + 1) == 0x61 and get8(data, p + 2) == 0x6C
        return p + 5 if good and get8(data, p + 3) == 0x73 and get8(data, p + 4) == LOW_E else np.int64(SYNTAX)
    if end - p < 4:
        return np.int64(SYNTAX)
    if c == LOW_T:
        good = get8(data, p + 1) == 0x72 and get8(data, p + 2) == LOW_U and get8(data, p + 3) == LOW_E
    else:
        good = c == LOW_N and get8(data, p + 1) == LOW_U and get8(data, p + 2) == 0x6C and get8(data, p + 3) == 0x6C
    return p + 4 if good else np.int64(SYNTAX)


@njit(nogil=True, cache=True)
def skip_string(data, p, end, out, q):
    """Past a string whose quote was read; its escapes are checked by undoing them at `q` -> next."""
    stop, escapes = string_end(data, p, end)
    if stop >= 0 and escapes and unescape(data, p, stop, out, q) < 0:
        return np.int64(SYNTAX)
    return stop + 1 if stop >= 0 else stop


@njit(nogil=True, cache=True)
def skip_value(data, p, end, out, q):
    """Past a value of any kind, which is well-formed -> next. There is room at `q` for the longest string in it."""
    is_list = np.empty(MAX_NESTING, np.bool_)
    depth = 0
    while True:
        p = skip_space(data, p, end)
        if p >= end:
            return np.int64(SYNTAX)
        c = get8(data, p)
        opened = c in (OPEN, OPEN_LIST)
        if opened:
            if depth == MAX_NESTING:
                return np.int64(DEPTH)
            is_list[depth] = c == OPEN_LIST
            depth += 1
            p = skip_space(data, p + 1, end)
        elif c == QUOTE:
            p = skip_string(data, p + 1, end, out, q)
        elif c == MINUS or ZERO <= c <= NINE:
            p = read_number(data, p, end, False)[0]
        else:
            p = skip_literal(data, p, end)
        if p < 0:
            return p
        # After a value: the ends that follow it, then a comma. After an opening: its end, or its first value.
        while depth:
            p = skip_space(data, p, end)
            if p >= end:
                return np.int64(SYNTAX)
            c = get8(data, p)
            if c == (CLOSE_LIST if is_list[depth - 1] else CLOSE):
                depth -= 1
                opened = False
                p += 1
                continue
            if not opened:
                if c != COMMA:
                    return np.int64(SYNTAX)
                p = skip_space(data, p + 1, end)
            if not is_list[depth - 1]:
                if p >= end or get8(data, p) != QUOTE:
                    return np.int64(SYNTAX)
                p = skip_string(data, p + 1, end, out, q)
                if p < 0:
                    return p
                p = skip_space(data, p, end)
                if p >= end or get8(data, p) != COLON:
                    return np.int64(SYNTAX)
                p += 1
            break
        if depth == 0:
            return p
