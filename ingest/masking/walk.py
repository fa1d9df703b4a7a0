"""The kernels over a scan's tables: which attributes, names and texts there are, and whose."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from ingest.masking.context import LABEL, LABELS, MASKS, METRICS, TEXT, VALUE
from ingest.masking.keys import KEEP, PHONE, RULE_BITS, class_of
from ingest.masking.values import (
    CARD,
    FRAME,
    enter_key_value,
    number_is_card,
    take_whole,
    visit_key,
    visit_text,
    visit_value,
)
from schema.loads import address, get32, get64, put64
from schema.wire.descriptors import Owner
from schema.wire.kernel import AT_KEY, AT_KIND, AT_NUMBER, AT_VALUE
from schema.wire.program import AUX, END, PARENT, START, TAG
from schema.wire.reading import MAX_DEPTH, read_length, read_tag, skip_field

STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(1, 8)
POINT, RESOURCE, SCOPE = int(Owner.POINT), int(Owner.RESOURCE), int(Owner.SCOPE)
ENTITY_TAG = 0x1A
"""Resource.entity_refs: field 3."""
BODY_TAG = 0x2A
"""LogRecord.body: field 5, delimited."""

_U8 = types.Array(types.uint8, 1, "C")
_I32 = types.Array(types.int32, 1, "C")
_I64 = types.Array(types.int64, 1, "C")


@njit(types.void(_U8, _I32, types.int64, types.int64, types.int64, _I64, _I64, _I64), nogil=True, cache=True)
def walk_attributes(data, ints, at, stride, rows, bounds, policy_of_call, context):
    """Look at each attribute. Row r begins at ints[at + r * stride]; policy -1: the call's tenant masks nothing."""
    source, table, ctx = address(data), address(ints), address(context)
    room = np.empty((MAX_DEPTH + 1) * FRAME, np.int64)
    stack = address(room)
    metrics = get64(ctx, METRICS) != 0
    call = 0
    policy = np.int64(-1)
    until = np.int64(-1)
    for row in range(rows):
        place = at + row * stride
        tag = get32(table, place + TAG)
        if tag >= until:
            while tag >= bounds[call + 1]:
                call += 1
            until = bounds[call + 1]
            policy = policy_of_call[call]
        if policy < 0:
            continue
        key, size = get32(table, place + AT_KEY), get32(table, place + AT_KEY + 1)
        end = get32(table, place + END)
        owner = get32(table, place + AUX)
        put64(ctx, LABELS, LABEL if metrics and owner in (POINT, RESOURCE, SCOPE) else 0)
        key_class = np.int64(0)
        if size > 0:
            key_class = class_of(source, key, size, policy, ctx)
            group = np.int64(owner) << 32 | get32(table, place + PARENT)
            visit_key(source, key, key + size, policy, tag, end, key_class, group, ctx)
        if key_class & KEEP:
            continue
        kind = get32(table, place + AT_KIND)
        rule = key_class & RULE_BITS
        if kind == STRING or kind == BYTES:
            start, length = get32(table, place + AT_VALUE), get32(table, place + AT_VALUE + 1)
            if rule == 0:
                visit_text(source, start, start + length, TEXT, policy, tag, end, key_class & PHONE != 0, ctx)
            elif length > 0:
                take_whole(ctx, start, start + length, TEXT, policy, tag, end, rule - 1)
        elif rule or kind == ARRAY or kind == KVLIST:
            _, _, value, value_end = enter_key_value(source, get32(table, place + START), end)
            visit_value(source, value, value_end, policy, tag, end, key_class, stack, ctx)
        elif kind == INT or kind == DOUBLE:
            number = get64(table, (place + AT_NUMBER) >> 1)
            if number >= 1_000_000_000_000 and number_is_card(kind, number, get64(get64(ctx, MASKS), policy)):
                _, _, value, value_end = enter_key_value(source, get32(table, place + START), end)
                take_whole(ctx, value, value_end, VALUE, policy, tag, end, CARD)
    put64(ctx, LABELS, 0)
    room[0] = 0  # keeps the stack, of which only the address was used, alive until here


@njit(
    types.void(_U8, _I32, types.int64, types.int64, types.int64, types.int64, _I64, _I64, types.int64, _I64),
    nogil=True,
    cache=True,
)
def walk_texts(data, ints, at, stride, rows, column, bounds, policy_of_call, form, context):
    """Look at a column of strings that are no attributes; `column`: its place in the row. `form`: TEXT or STATE."""
    source, table, ctx = address(data), address(ints), address(context)
    call = 0
    for row in range(rows):
        place = at + row * stride
        start, size = get32(table, place + column), get32(table, place + column + 1)
        if size == 0:
            continue
        while start >= bounds[call + 1]:
            call += 1
        if policy_of_call[call] >= 0:
            visit_text(source, start, start + size, form, policy_of_call[call], -1, -1, False, ctx)


@njit(nogil=True, cache=True)
def find_body(data, p, end):
    """Where the AnyValue of the LogRecord data[p:end] is -> (start, end), (-1, -1) for none."""
    start, stop = np.int64(-1), np.int64(-1)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            break
        if tag != BODY_TAG:
            p = skip_field(data, p, end, tag, 0)
            if p < 0:
                break
            continue
        length, p = read_length(data, p, end)
        if p < 0:
            break
        start, stop = p, p + length
        p += length
    return start, stop


@njit(types.void(_U8, _I32, types.int64, types.int64, types.int64, _I64, _I64, _I64), nogil=True, cache=True)
def walk_bodies(data, ints, at, stride, rows, bounds, policy_of_call, context):
    """Look at the body of each log record, field 5 of data[start:end] of its row."""
    source, table, ctx = address(data), address(ints), address(context)
    room = np.empty((MAX_DEPTH + 1) * FRAME, np.int64)
    stack = address(room)
    call = 0
    for row in range(rows):
        place = at + row * stride
        start, end = get32(table, place + START), get32(table, place + END)
        if start == end:
            continue
        while start >= bounds[call + 1]:
            call += 1
        if policy_of_call[call] < 0:
            continue
        body, body_end = find_body(source, start, end)
        if body >= 0:
            visit_value(source, body, body_end, policy_of_call[call], -1, -1, np.int64(0), stack, ctx)
    room[0] = 0  # keeps the stack alive until here


@njit(nogil=True, cache=True)
def visit_entity(data, p, end, policy, ctx):
    """Look at each string of an EntityRef."""
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            break
        if tag & 7 != 2:
            p = skip_field(data, p, end, tag, 0)
            if p < 0:
                break
            continue
        size, p = read_length(data, p, end)
        if p < 0:
            break
        visit_text(data, p, p + size, TEXT, policy, -1, -1, False, ctx)
        p += size


@njit(
    types.void(_U8, _I32, types.int64, types.int64, types.int64, types.int64, _I64, _I64, _I64), nogil=True, cache=True
)
def walk_entities(data, ints, at, stride, rows, column, bounds, policy_of_call, context):
    """Look at the texts of the entity references of each Resource, whose body stands in this column."""
    source, table, ctx = address(data), address(ints), address(context)
    call = 0
    for row in range(rows):
        place = at + row * stride
        p = get32(table, place + column)
        end = p + get32(table, place + column + 1)
        if p == end:
            continue
        while p >= bounds[call + 1]:
            call += 1
        while p < end and policy_of_call[call] >= 0:
            tag, p = read_tag(source, p, end)
            if p < 0:
                break
            if tag != ENTITY_TAG:
                p = skip_field(source, p, end, tag, 0)
                if p < 0:
                    break
                continue
            size, p = read_length(source, p, end)
            if p < 0:
                break
            visit_entity(source, p, p + size, policy_of_call[call], ctx)
            p += size
