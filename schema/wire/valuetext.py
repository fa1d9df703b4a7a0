"""Kernels that write attribute values as text: integers, base64, and nested arrays and maps as compact JSON.

Text is written in two passes over the same code: with `write` False only the place after it is computed. A double
needs the shortest decimal that reads back the same; the texts of all doubles are made beforehand, outside, and
taken from `texts` in the order of the walk. Ranges come from a scan, so they are valid and not too deep.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from schema.loads import address, get8, load64, put8
from schema.wire.gather import copy_range
from schema.wire.reading import MAX_DEPTH, read_length, read_tag, read_varint, skip_field

_I64 = types.Array(types.int64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")
_BOOL = types.Array(types.boolean, 1, "C")

NONE, STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES, STRINDEX = range(9)

_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8).copy()
_NULL = np.frombuffer(b"null", np.uint8).copy()
_TRUE = np.frombuffer(b"true", np.uint8).copy()
_FALSE = np.frombuffer(b"false", np.uint8).copy()

QUOTE, COMMA, COLON, BACKSLASH = 0x22, 0x2C, 0x3A, 0x5C


@njit(nogil=True, cache=True)
def put(byte, out, p, write):
    """One byte -> next."""
    if write:
        put8(out, p, byte)
    return p + 1


@njit(nogil=True, cache=True)
def put_range(data, start, size, out, p, write):
    """data[start:start+size] as it stands -> next."""
    if write:
        copy_range(data, start, size, out, p)
    return p + size


@njit(nogil=True, cache=True)
def put_int(number, out, p, write):
    """A signed integer in decimal -> next."""
    rest = np.uint64(number)
    if number < 0:
        p = put(0x2D, out, p, write)
        rest = np.uint64(0) - rest
    digits = 1
    power = rest
    while power >= 10:
        power //= np.uint64(10)
        digits += 1
    if write:
        for i in range(digits):
            put8(out, p + digits - 1 - i, 0x30 + np.int64(rest % np.uint64(10)))
            rest //= np.uint64(10)
    return p + digits


@njit(nogil=True, cache=True)
def put_base64(data, start, size, out, p, write):
    """Base64 of RFC 4648 with padding -> next."""
    if write:
        for i in range(0, size, 3):
            left = size - i
            a = get8(data, start + i)
            b = get8(data, start + i + 1) if left > 1 else 0
            c = get8(data, start + i + 2) if left > 2 else 0
            at = p + i // 3 * 4
            put8(out, at, _BASE64[a >> 2])
            put8(out, at + 1, _BASE64[(a & 3) << 4 | b >> 4])
            put8(out, at + 2, _BASE64[(b & 15) << 2 | c >> 6] if left > 1 else 0x3D)
            put8(out, at + 3, _BASE64[c & 63] if left > 2 else 0x3D)
    return p + (size + 2) // 3 * 4


@njit(nogil=True, cache=True)
def put_json_string(data, start, size, out, p, write):
    """A UTF-8 range as a JSON string (RFC 8259) -> next."""
    p = put(QUOTE, out, p, write)
    for i in range(start, start + size):
        b = get8(data, i)
        if b >= 0x20 and b != QUOTE and b != BACKSLASH:
            p = put(b, out, p, write)
            continue
        p = put(BACKSLASH, out, p, write)
        if b in (QUOTE, BACKSLASH):
            p = put(b, out, p, write)
        elif b == 0x0A:
            p = put(0x6E, out, p, write)
        elif b == 0x0D:
            p = put(0x72, out, p, write)
        elif b == 0x09:
            p = put(0x74, out, p, write)
        else:
            p = put(0x75, out, p, write)
            p = put(0x30, out, p, write)
            p = put(0x30, out, p, write)
            p = put(_HEX[b >> 4], out, p, write)
            p = put(_HEX[b & 15], out, p, write)
    return put(QUOTE, out, p, write)


@njit(nogil=True, cache=True)
def find_value(data, p, end):
    """An AnyValue's body -> (kind, start, size, number) of the member that was set last."""
    kind = NONE
    start = np.int64(0)
    size = np.int64(0)
    number = np.int64(0)
    while p < end:
        tag, p = read_tag(data, p, end)
        field = tag >> 3
        wire = tag & 7
        if wire == 2 and (field in (STRING, ARRAY, KVLIST, BYTES)):
            size, start = read_length(data, p, end)
            p = start + size
            kind = field
        elif wire == 0 and (field in (BOOL, INT, STRINDEX)):
            value, p = read_varint(data, p, end)
            number = np.int64(value)
            kind = field
        elif wire == 1 and field == DOUBLE:
            number = np.int64(load64(data, p))
            p += 8
            kind = field
        else:
            p = skip_field(data, p, end, tag, 0)
    return kind, start, size, number


@njit(nogil=True, cache=True)
def next_element(data, p, end):
    """The next field 1 with a length -> (start, size, next); start -1 if there is none."""
    while p < end:
        tag, p = read_tag(data, p, end)
        if tag == 0x0A:
            size, start = read_length(data, p, end)
            return start, size, start + size
        p = skip_field(data, p, end, tag, 0)
    return np.int64(-1), np.int64(0), end


@njit(nogil=True, cache=True)
def find_pair(data, p, end):
    """A KeyValue's body -> (start and size of the key, start and end of the value), zeros where absent."""
    key = np.int64(0)
    key_size = np.int64(0)
    value = np.int64(0)
    value_end = np.int64(0)
    while p < end:
        tag, p = read_tag(data, p, end)
        if tag == 0x0A:
            key_size, key = read_length(data, p, end)
            p = key + key_size
        elif tag == 0x12:
            size, value = read_length(data, p, end)
            p = value_end = value + size
        else:
            p = skip_field(data, p, end, tag, 0)
    return key, key_size, value, value_end


@njit(nogil=True, cache=True)
def put_nested(data, kind, start, size, offsets, texts, taken, out, p, write):
    """An ArrayValue's or KeyValueList's body as compact JSON -> (next, doubles taken from `texts` so far)."""
    stack = np.empty((MAX_DEPTH + 1, 4), np.int64)
    depth = 0
    while True:
        if kind in (ARRAY, KVLIST):
            stack[depth, 0] = start
            stack[depth, 1] = start + size
            stack[depth, 2] = kind
            stack[depth, 3] = 0
            depth += 1
            p = put(0x5B if kind == ARRAY else 0x7B, out, p, write)
        elif kind == STRING:
            p = put_json_string(data, start, size, out, p, write)
        elif kind == BYTES:
            p = put(QUOTE, out, p, write)
            p = put_base64(data, start, size, out, p, write)
            p = put(QUOTE, out, p, write)
        elif kind == DOUBLE:
            p = put_range(texts, offsets[taken], offsets[taken + 1] - offsets[taken], out, p, write)
            taken += 1
        while True:
            if depth == 0:
                return p, taken
            top = stack[depth - 1]
            element, size, top[0] = next_element(data, top[0], top[1])
            if element >= 0:
                break
            p = put(0x5D if top[2] == ARRAY else 0x7D, out, p, write)
            depth -= 1
        if top[3] == 1:
            p = put(COMMA, out, p, write)
        top[3] = 1
        end = element + size
        if top[2] == KVLIST:
            key, key_size, element, end = find_pair(data, element, end)
            p = put_json_string(data, key, key_size, out, p, write)
            p = put(COLON, out, p, write)
        kind, start, size, number = find_value(data, element, end)
        if kind == BOOL:
            word = _TRUE if number != 0 else _FALSE
            p = put_range(address(word), 0, len(word), out, p, write)
        elif kind == INT:
            p = put_int(number, out, p, write)
        elif kind in (NONE, STRINDEX):
            p = put_range(address(_NULL), 0, 4, out, p, write)


@njit(nogil=True, cache=True)
def nested_doubles(data, kind, start, size, doubles, n):
    """Collect the doubles (raw bits) in a nested value in the order in which put_nested() meets them -> count."""
    stack = np.empty((MAX_DEPTH + 1, 3), np.int64)
    depth = 0
    while True:
        if kind in (ARRAY, KVLIST):
            stack[depth, 0] = start
            stack[depth, 1] = start + size
            stack[depth, 2] = kind
            depth += 1
        while True:
            if depth == 0:
                return n
            top = stack[depth - 1]
            element, size, top[0] = next_element(data, top[0], top[1])
            if element >= 0:
                break
            depth -= 1
        end = element + size
        if top[2] == KVLIST:
            _, _, element, end = find_pair(data, element, end)
        kind, start, size, number = find_value(data, element, end)
        if kind == DOUBLE:
            doubles[n] = number
            n += 1


@njit(types.int64(_U8, _U8, _I64, _I64, _I64, _I64), nogil=True, cache=True)
def collect_doubles(data, kind, start, size, number, doubles):
    """Raw bits of every double in the values, nested ones too, in the order of write_values() -> count."""
    n = np.int64(0)
    base = address(data)
    for row in range(len(kind)):
        if kind[row] == DOUBLE:
            doubles[n] = number[row]
            n += 1
        elif kind[row] == ARRAY or kind[row] == KVLIST:
            n = nested_doubles(base, np.int64(kind[row]), start[row], size[row], doubles, n)
    return n


@njit(
    types.int64(_U8, _U8, _I64, _I64, _I64, _I64, _U8, _BOOL, _I64, _U8, types.boolean),
    nogil=True,
    cache=True,
)
def write_values(data, kind, start, size, number, texts_at, texts, bare, offsets, out, write):
    """Text of each value from offsets[row] on -> bytes.

    With `write` False, fills `offsets` (rows + 1); then call again with `out` of the size returned. The text of
    double i is texts[texts_at[i]:texts_at[i+1]]; `bare[i]`: it stands in quotation marks, to be left out here.
    """
    p = np.int64(0)
    taken = np.int64(0)
    base, target, doubles = address(data), address(out), address(texts)
    for row in range(len(kind)):
        offsets[row] = p
        k = np.int64(kind[row])
        if k == STRING:
            p = put_range(base, start[row], size[row], target, p, write)
        elif k == INT:
            p = put_int(number[row], target, p, write)
        elif k == BOOL:
            word = _TRUE if number[row] != 0 else _FALSE
            p = put_range(address(word), 0, len(word), target, p, write)
        elif k == DOUBLE:
            quote = 1 if bare[taken] else 0
            first = texts_at[taken] + quote
            p = put_range(doubles, first, texts_at[taken + 1] - quote - first, target, p, write)
            taken += 1
        elif k in (ARRAY, KVLIST):
            p, taken = put_nested(base, k, start[row], size[row], texts_at, doubles, taken, target, p, write)
        elif k == BYTES:
            p = put_base64(base, start[row], size[row], target, p, write)
        else:
            p = put_range(address(_NULL), 0, 4, target, p, write)
    offsets[len(kind)] = p
    return p
