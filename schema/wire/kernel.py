"""The scanning kernel: one pass over request bodies, steered by the descriptors' arrays (`program.py`).

Row r of table t begins at 64-bit word base[t] + r * words[t] of one flat array, seen as int64 (`longs`) and as
int32 (`ints`). The array must be zero: 0 as an offset means absent, because no field can begin a body. A table
keeps `room[t]` rows; further rows are counted but all land in the one spare row behind them, so the caller can
ask again with the right room. Names of constants are those of `program.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.loads import load32, load64
from schema.wire.errors import ErrorCode
from schema.wire.program import (
    COLUMN,
    FIELD_BITS,
    LIST_WORDS,
    MARK,
    MARK_COLUMN,
    NEXT,
    OP,
    OP_BOOL32,
    OP_BOOL64,
    OP_INT32,
    OP_INT64,
    OP_LIST_FIXED64,
    OP_LIST_VARINT,
    OP_ROW,
    OP_STRING,
    OP_ZIGZAG32,
    TABLE,
    UNION,
    WIRE,
)
from schema.wire.reading import (
    ERR_DEPTH,
    ERR_GROUP,
    ERR_PACKED,
    ERR_TAG,
    ERR_TRUNCATED,
    ERR_UTF8,
    MAX_DEPTH,
    read_length,
    read_tag,
    read_varint,
    skip_field,
    valid_utf8,
)

SCATTERED = int(ErrorCode.SCATTERED)

_BODY = (
    "int64(uint8[::1], int64, int64, int64, int32[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "int32[::1], int64[::1], int64[:, ::1])"
)
_BODIES = (
    "void(uint8[::1], int64[::1], int32[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "int32[::1], int64[::1], uint8[::1])"
)


@njit(nogil=True, cache=True, error_model="numpy")
def append_number(number, table, row, base, room, count, ints, longs):
    """Add a row (parent, number) to a list table."""
    n = count[table]
    count[table] = n + 1
    at = base[table] + min(n, room[table]) * LIST_WORDS
    ints[2 * at] = row
    longs[at + 1] = number


@njit(nogil=True, cache=True, error_model="numpy")
def read_list(data, p, end, op, table, row, base, room, count, ints, longs):
    """Add the numbers of a packed list that fills data[p:end] -> next."""
    if op == OP_LIST_FIXED64:
        if (end - p) % 8 != 0:
            return ERR_PACKED
        while p < end:
            append_number(np.int64(load64(data, p)), table, row, base, room, count, ints, longs)
            p += 8
        return p
    while p < end:
        value, p = read_varint(data, p, end)
        if p < 0:
            return p
        append_number(np.int64(value), table, row, base, room, count, ints, longs)
    return p


@njit(_BODY, nogil=True, cache=True, error_model="numpy")
def scan_body(data, p, stop, call, fields, words, base, room, count, ints, longs, stack):
    """Scan data[p:stop] -> 0, or the ErrorCode of what is wrong (SCATTERED: valid, but merge it first)."""
    scattered = 0
    depth = 0
    message = 0
    end = stop
    row = call
    at = np.int64(0)  # first int32 of the row being filled
    seen = np.int64(0)
    while True:
        while p == end:
            if depth == 0:
                return scattered
            depth -= 1
            message = stack[depth, 0]
            end = stack[depth, 1]
            row = stack[depth, 2]
            at = stack[depth, 3]
            seen = stack[depth, 4]
        tag_at = p
        b = data[p]
        if b < 0x80 and b >= 8:
            tag = np.int64(b)
            p += 1
        else:
            tag, p = read_tag(data, p, end)
            if p < 0:
                return -p
            if tag < 8:
                return -ERR_TAG
        number = tag >> 3
        wire = tag & 7
        if number >= 1 << FIELD_BITS:
            number = 0
        entry = fields[(message << FIELD_BITS) | number]
        op = entry[OP]
        is_list = op >= OP_LIST_FIXED64 and wire == 2
        if op == 0 or (wire != entry[WIRE] and not is_list):
            if wire == 4:
                return -ERR_GROUP
            p = skip_field(data, p, end, tag, depth)
            if p < 0:
                return -p
            continue
        if wire == 2:
            if p < end and data[p] < 0x80 and data[p] < end - p:
                length = np.int64(data[p])
                p += 1
            else:
                length, p = read_length(data, p, end)
                if p < 0:
                    return -p
            if op <= OP_STRING:
                if op == OP_STRING and not valid_utf8(data, p, p + length):
                    return -ERR_UTF8
                if entry[COLUMN] >= 0:
                    ints[at + entry[COLUMN]] = p
                    ints[at + entry[COLUMN] + 1] = length
                p += length
            elif op <= OP_ROW:
                if depth >= MAX_DEPTH:
                    return -ERR_DEPTH
                union = np.int64(entry[UNION])
                if seen & union:
                    scattered = SCATTERED
                seen |= np.int64(1) << number if union else np.int64(0)
                stack[depth, 0] = message
                stack[depth, 1] = end
                stack[depth, 2] = row
                stack[depth, 3] = at
                stack[depth, 4] = seen
                depth += 1
                seen = 0
                end = p + length
                message = np.int64(entry[NEXT])
                if op == OP_ROW:
                    table = entry[TABLE]
                    parent = row
                    row = count[table]
                    count[table] = row + 1
                    at = 2 * (base[table] + min(row, room[table]) * words[table])
                    ints[at] = parent
                    ints[at + 1] = entry[MARK]
                    ints[at + 2] = tag_at
                    ints[at + 3] = p
                    ints[at + 4] = end
                    continue
                if entry[COLUMN] >= 0:
                    ints[at + entry[COLUMN]] = p
                    ints[at + entry[COLUMN] + 1] = length
            else:
                p = read_list(data, p, p + length, op, entry[TABLE], row, base, room, count, ints, longs)
                if p < 0:
                    return -p
        elif wire == 0:
            value, p = read_varint(data, p, end)
            if p < 0:
                return -p
            if op == OP_LIST_VARINT:
                append_number(np.int64(value), entry[TABLE], row, base, room, count, ints, longs)
            elif entry[COLUMN] >= 0:
                column = at + entry[COLUMN]
                if op == OP_INT64:
                    longs[column >> 1] = np.int64(value)
                elif op == OP_BOOL64:
                    longs[column >> 1] = value != 0
                elif op == OP_INT32:
                    ints[column] = np.int32(np.uint32(value))
                elif op == OP_BOOL32:
                    ints[column] = value != 0
                elif op == OP_ZIGZAG32:
                    low = np.uint32(value)
                    ints[column] = np.int32(low >> np.uint32(1)) ^ -np.int32(low & np.uint32(1))
        elif wire == 1:
            if end - p < 8:
                return -ERR_TRUNCATED
            number64 = np.int64(load64(data, p))
            p += 8
            if op == OP_LIST_FIXED64:
                append_number(number64, entry[TABLE], row, base, room, count, ints, longs)
            elif entry[COLUMN] >= 0:
                longs[(at + entry[COLUMN]) >> 1] = number64
        else:
            if end - p < 4:
                return -ERR_TRUNCATED
            if entry[COLUMN] >= 0:
                ints[at + entry[COLUMN]] = np.int32(load32(data, p))
            p += 4
        if entry[MARK_COLUMN] >= 0:
            mark = at + entry[MARK_COLUMN]
            if ints[mark] != 0 and ints[mark] != entry[MARK]:
                scattered = SCATTERED
            ints[mark] = entry[MARK]


@njit(_BODIES, nogil=True, cache=True, error_model="numpy")
def scan_bodies(data, bounds, fields, words, base, room, count, ints, longs, status):
    """Scan each body data[bounds[i]:bounds[i+1]] into the tables; rows of a rejected body are taken back."""
    stack = np.empty((MAX_DEPTH + 1, 5), np.int64)
    before = np.empty_like(count)
    for call in range(len(bounds) - 1):
        before[:] = count
        code = scan_body(
            data, bounds[call], bounds[call + 1], call, fields, words, base, room, count, ints, longs, stack
        )
        status[call] = code
        if code != 0:
            for table in range(len(count)):
                first = base[table] + min(before[table], room[table]) * words[table]
                last = base[table] + min(count[table], room[table]) * words[table]
                longs[first:last] = 0
            count[:] = before
