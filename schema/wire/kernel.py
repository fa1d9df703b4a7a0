"""The scanning kernel: one pass over request bodies, steered by the descriptors' arrays (`program.py`).

Row r of table t begins at 64-bit word base[t] + r * words[t] of one flat array, seen as int64 (`longs`) and as
int32 (`ints`). A row begins as zeros: 0 as an offset means absent, because no field can begin a body. A table
keeps `room[t]` rows; further rows are counted but all land in the one spare row behind them, so the caller can
ask again with the right room. Names of constants are those of `program.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.loads import address, get8, get32, get64, load32, load64, put32, put64
from schema.signal import Signal
from schema.wire.descriptors import Owner, Tab
from schema.wire.errors import ErrorCode
from schema.wire.program import (
    COLUMN,
    ENTRY,
    FIELD_BITS,
    LEFT_OUT,
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
    program,
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
TOO_MANY = int(ErrorCode.TOO_MANY)

ROW_BYTES = 16
ROW_ALLOWANCE = 16 << 20
MAX_ROW_BYTES = 256 << 20
"""Rows of a body may take so many bytes for each of its own, and the allowance, and never more than the last. Real
requests take up to nine for each; an empty attribute of two bytes would take 48."""

_ATTRIBUTE = program(Signal.TRACES).columns[Tab.ATTRIBUTES]
ATTRIBUTES, UNKNOWN = int(Tab.ATTRIBUTES), int(Tab.UNKNOWN)
AT_KEY, AT_VALUE = _ATTRIBUTE["key"].at, _ATTRIBUTE["value"].at
AT_KIND, AT_NUMBER = _ATTRIBUTE["value.kind"].at, _ATTRIBUTE["value.number"].at
ITEM = int(Owner.ITEM)
LONGEST_KEY = 63
"""The bit in `key_sizes` of all keys that are at least so long."""
KEY_TAG, VALUE_TAG = 0x0A, 0x12
STRING_TAG, BOOL_TAG, INT_TAG, DOUBLE_TAG = 0x0A, 0x10, 0x18, 0x21

FRAME = 5
"""What the stack keeps of a message that is left for a sub-message."""

_BODY = "int64(" + ", ".join(["int64"] * 13) + ")"
_BODIES = (
    "void(uint8[::1], int64[::1], int32[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], "
    "int32[::1], int64[::1], uint8[::1])"
)


@njit(nogil=True, cache=True, error_model="numpy")
def append_number(number, table, row, base, room, count, ints, longs):
    """Add a row (parent, number) to a list table."""
    n = get64(count, table)
    put64(count, table, n + 1)
    at = get64(base, table) + min(n, get64(room, table)) * LIST_WORDS
    put64(longs, at, row)
    put64(longs, at + 1, number)


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


@njit(nogil=True, cache=True, error_model="numpy")
def put_varint(value, op, at, ints, longs):
    """Write a varint as the type that `op` says, at int32 `at` of the row."""
    if op == OP_INT64:
        put64(longs, at >> 1, np.int64(value))
    elif op == OP_BOOL64:
        put64(longs, at >> 1, np.int64(value != 0))
    elif op == OP_INT32:
        put32(ints, at, np.int64(value))
    elif op == OP_BOOL32:
        put32(ints, at, np.int64(value != 0))
    elif op == OP_ZIGZAG32:
        low = np.int64(value & np.uint64(0xFFFFFFFF))
        put32(ints, at, (low >> 1) ^ -(low & 1))


@njit(nogil=True, cache=True, error_model="numpy")
def clear_row(longs, at, words):
    """Make a row of zeros."""
    for word in range(words):
        put64(longs, at + word, 0)


@njit(nogil=True, cache=True, error_model="numpy")
def read_attribute(data, p, end, at, ints, longs):
    """Read a KeyValue that is written as every encoder writes it (key, then a scalar, all short) -> whether it was.

    If it was not, what was written to the row is what the general way writes, too.
    """
    if end - p < 6 or get8(data, p) != KEY_TAG:
        return False
    key = p + 2
    value = key + get8(data, p + 1) + 2  # a length over 127 ends elsewhere: at a tag that is no VALUE_TAG, or beyond
    if value >= end or get8(data, p + 1) >= 0x80 or get8(data, value - 2) != VALUE_TAG:
        return False
    size = get8(data, value - 1)
    if size >= 0x80 or size != end - value or not valid_utf8(data, key, value - 2):
        return False
    tag = get8(data, value)
    if tag == STRING_TAG:
        if size < 2 or get8(data, value + 1) != size - 2 or not valid_utf8(data, value + 2, end):
            return False
        put32(ints, at + AT_VALUE, value + 2)
        put32(ints, at + AT_VALUE + 1, size - 2)
    elif tag in (INT_TAG, BOOL_TAG):
        number, after = read_varint(data, value + 1, end)
        if after != end:
            return False
        put64(longs, (at + AT_NUMBER) >> 1, np.int64(number) if tag == INT_TAG else np.int64(number != 0))
    elif tag == DOUBLE_TAG and size == 9:
        put64(longs, (at + AT_NUMBER) >> 1, np.int64(load64(data, value + 1)))
    else:
        return False
    put32(ints, at + AT_KEY, key)
    put32(ints, at + AT_KEY + 1, value - 2 - key)
    put32(ints, at + AT_KIND, tag >> 3)
    return True


@njit(_BODY, nogil=True, cache=True, error_model="numpy")
def scan_body(data, p, stop, call, fields, key_sizes, words, base, room, count, ints, longs, stack):
    """Scan data[p:stop] -> 0, or the ErrorCode of what is wrong (SCATTERED: valid, but merge it first).

    `key_sizes`: a bit for each length of a key; of an item's other attributes hardly any is kept.
    """
    scattered = 0
    depth = 0
    message = np.int64(0)
    end = stop
    row = call
    at = np.int64(0)  # first int32 of the row being filled
    seen = np.int64(0)
    while True:
        while p == end:
            if depth == 0:
                return scattered
            depth -= 1
            frame = depth * FRAME
            message = get64(stack, frame)
            end = get64(stack, frame + 1)
            row = get64(stack, frame + 2)
            at = get64(stack, frame + 3)
            seen = get64(stack, frame + 4)
        tag_at = p
        tag = get8(data, p)
        p += 1
        if tag >= 0x80 or tag < 8:
            tag, p = read_tag(data, tag_at, end)
            if p < 0:
                return -p
            if tag < 8:
                return -ERR_TAG
        number = tag >> 3
        wire = tag & 7
        if number >= 1 << FIELD_BITS:
            number = np.int64(0)
        entry = ((message << FIELD_BITS) | number) * ENTRY
        op = get32(fields, entry + OP)
        if wire != get32(fields, entry + WIRE) and not (op >= OP_LIST_FIXED64 and wire == 2):
            op = np.int64(0)
        if op == 0:
            if wire == 4:
                return -ERR_GROUP
            start = p
            p = skip_field(data, p, end, tag, depth)
            if p < 0:
                return -p
            child = get64(count, UNKNOWN)
            put64(count, UNKNOWN, child + 1)
            place = 2 * (get64(base, UNKNOWN) + min(child, get64(room, UNKNOWN)) * get64(words, UNKNOWN))
            put32(ints, place, call)
            put32(ints, place + 1, 0)
            put32(ints, place + 2, tag_at)
            put32(ints, place + 3, start)
            put32(ints, place + 4, p)
            continue
        column = get32(fields, entry + COLUMN)
        if wire == 2:
            length = get8(data, p) if p < end else np.int64(0x80)
            p += 1
            if length >= 0x80 or length > end - p:
                length, p = read_length(data, p - 1, end)
                if p < 0:
                    return -p
            if op <= OP_STRING:
                if op == OP_STRING and not valid_utf8(data, p, p + length):
                    return -ERR_UTF8
                if column >= 0:
                    if get32(ints, at + column) != 0:
                        scattered = SCATTERED  # the last one counts, but the bytes hold both
                    put32(ints, at + column, p)
                    put32(ints, at + column + 1, length)
                p += length
            elif op <= OP_ROW:
                if depth >= MAX_DEPTH:
                    return -ERR_DEPTH
                union = get32(fields, entry + UNION)
                if union != 0:
                    if seen & union:
                        scattered = SCATTERED
                    seen |= np.int64(1) << number
                frame = depth * FRAME
                put64(stack, frame, message)
                put64(stack, frame + 1, end)
                put64(stack, frame + 2, row)
                put64(stack, frame + 3, at)
                put64(stack, frame + 4, seen)
                if op == OP_ROW:
                    table = get32(fields, entry + TABLE)
                    child = get64(count, table)
                    put64(count, table, child + 1)
                    size = get64(words, table)
                    place = 2 * (get64(base, table) + min(child, get64(room, table)) * size)
                    clear_row(longs, place >> 1, size)
                    put32(ints, place, row)
                    put32(ints, place + 1, get32(fields, entry + MARK))
                    put32(ints, place + 2, tag_at)
                    put32(ints, place + 3, p)
                    put32(ints, place + 4, p + length)
                    if table == ATTRIBUTES and read_attribute(data, p, p + length, place, ints, longs):
                        p += length
                        size = min(get32(ints, place + AT_KEY + 1), LONGEST_KEY)
                        if get32(ints, place + 1) == ITEM and (key_sizes >> size) & 1 == 0:
                            put64(count, ATTRIBUTES, child)
                            put64(count, LEFT_OUT, get64(count, LEFT_OUT) + 1)
                        continue
                    row = child
                    at = place
                depth += 1
                seen = np.int64(0)
                end = p + length
                message = get32(fields, entry + NEXT)
                if op == OP_ROW:
                    continue
                if column >= 0:
                    put32(ints, at + column, p)
                    put32(ints, at + column + 1, length)
            else:
                table = get32(fields, entry + TABLE)
                p = read_list(data, p, p + length, op, table, row, base, room, count, ints, longs)
                if p < 0:
                    return -p
        elif wire == 0:
            value, p = read_varint(data, p, end)
            if p < 0:
                return -p
            if op == OP_LIST_VARINT:
                append_number(np.int64(value), get32(fields, entry + TABLE), row, base, room, count, ints, longs)
            elif column >= 0:
                put_varint(value, op, at + column, ints, longs)
        elif wire == 1:
            if end - p < 8:
                return -ERR_TRUNCATED
            fixed = np.int64(load64(data, p))
            p += 8
            if op == OP_LIST_FIXED64:
                append_number(fixed, get32(fields, entry + TABLE), row, base, room, count, ints, longs)
            elif column >= 0:
                put64(longs, (at + column) >> 1, fixed)
        else:
            if end - p < 4:
                return -ERR_TRUNCATED
            if column >= 0:
                put32(ints, at + column, np.int64(load32(data, p)))
            p += 4
        mark_at = get32(fields, entry + MARK_COLUMN)
        if mark_at >= 0:
            mark = get32(fields, entry + MARK)
            before = get32(ints, at + mark_at)
            if before != 0 and (before != mark or wire != 2):
                scattered = SCATTERED  # the last one counts, but the bytes hold both
            put32(ints, at + mark_at, mark)


@njit(_BODIES, nogil=True, cache=True, error_model="numpy")
def scan_bodies(data, bounds, fields, key_sizes, words, base, room, count, ints, longs, status):
    """Scan each body data[bounds[i]:bounds[i+1]] into the tables; rows of a rejected body are taken back."""
    stack = np.empty((MAX_DEPTH + 1) * FRAME, np.int64)
    before = np.empty_like(count)
    at_data, at_fields, at_words, at_base = address(data), address(fields), address(words), address(base)
    at_room, at_count, at_ints, at_longs = address(room), address(count), address(ints), address(longs)
    at_stack = address(stack)
    for call in range(len(bounds) - 1):
        before[:] = count
        code = scan_body(
            at_data, bounds[call], bounds[call + 1], call, at_fields, key_sizes, at_words, at_base, at_room, at_count,
            at_ints, at_longs, at_stack,
        )  # fmt: skip
        size = np.int64(0)
        for table in range(len(count)):
            size += 8 * (count[table] - before[table]) * words[table]
        if size > min(ROW_BYTES * (bounds[call + 1] - bounds[call]) + ROW_ALLOWANCE, MAX_ROW_BYTES):
            code = TOO_MANY
        status[call] = code
        if code != 0:
            count[:] = before
    stack[0] = 0  # keeps the stack, of which only the address was used, alive until here
