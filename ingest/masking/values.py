"""Values: a string, bytes, a number, or arrays and maps nested in each other, walked on the wire."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from ingest.masking.context import (
    HINTED,
    KEY,
    LEAF_COUNT,
    LEAF_NOW,
    MASKS,
    PAIRS,
    TAKEN,
    TEXT,
    VALUE,
    add_leaf,
    emit,
    on,
)
from ingest.masking.detectors.card import is_card
from ingest.masking.detectors.ids import EVERY_LEAF, LENIENT_CARD, Detector
from ingest.masking.keys import KEEP, PHONE, RULE_BITS, TELLS, class_of
from ingest.masking.prefilter import worth_looking
from ingest.masking.seen import LONGEST, SHORTEST, remember, tag_of, was_seen
from schema.loads import address, get64, load64, put64
from schema.wire.reading import MAX_DEPTH, read_length, read_tag, read_varint, skip_field

CARD = int(Detector.CARD)
STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(1, 8)
FRAME = 5
"""What the stack keeps of an array or map: where its rest begins and ends; 1 in a map; the class that its members
have from their key; what tells its keys' siblings: minus (where its payload begins << 31 | the payload's length)."""


@njit(nogil=True, cache=True)
def take_whole(ctx, start, end, form, policy, field_start, field_end, rule):
    """A leaf that is taken whole."""
    put64(ctx, LEAF_NOW, get64(ctx, LEAF_COUNT))
    emit(ctx, start, end, rule)
    add_leaf(ctx, start, end, form, policy, field_start, field_end, TAKEN, 0)


@njit(nogil=True, cache=True)
def visit_text(data, start, end, form, policy, field_start, field_end, hinted, ctx):
    """List a string that is worth a look, or any where all leaves are asked for."""
    if may_hold(data, start, end - start, ctx) or (end > start and get64(get64(ctx, MASKS), policy) & EVERY_LEAF):
        add_leaf(ctx, start, end, form, policy, field_start, field_end, HINTED if hinted else 0, 0)


@njit(nogil=True, cache=True)
def may_hold(data, start, size, ctx):
    """Whether a text is worth a look."""
    if not SHORTEST <= size <= LONGEST:
        return worth_looking(data, start, start + size, get64(ctx, PAIRS))
    tag = tag_of(data, start, size)
    if was_seen(data, start, size, tag, ctx):
        return False
    if worth_looking(data, start, start + size, get64(ctx, PAIRS)):
        return True
    remember(data, start, size, tag, ctx)
    return False


@njit(nogil=True, cache=True)
def number_is_card(kind, number, mask):
    """Whether the number of a value is that of a card; `number`: the 64 bits on the wire."""
    if not on(mask, CARD):
        return False
    if kind == DOUBLE:
        # The bits of 1e12 and 2**53: the order of positive doubles is that of their bits.
        if not 0x426D1A94A2000000 <= number <= 0x4340000000000000:
            return False
        exponent = (number >> 52) - 1075
        mantissa = (number & ((1 << 52) - 1)) | (1 << 52)
        if exponent < 0:
            if mantissa & ((np.int64(1) << -exponent) - 1):
                return False
            number = mantissa >> -exponent
        else:
            number = mantissa << exponent
    return number >= 1_000_000_000_000 and is_card(number, mask & LENIENT_CARD != 0)


@njit(nogil=True, cache=True)
def enter_key_value(data, p, end):
    """Where the key and the value of the KeyValue data[p:end] are -> (key, its end, value, its end); -1: absent."""
    key, key_end, value, value_end = np.int64(-1), np.int64(-1), np.int64(-1), np.int64(-1)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            break
        if tag == 0x0A or tag == 0x12:
            length, p = read_length(data, p, end)
            if p < 0:
                break
            if tag == 0x0A:
                key, key_end = p, p + length
            else:
                value, value_end = p, p + length
            p += length
        else:
            p = skip_field(data, p, end, tag, 0)
            if p < 0:
                break
    return key, key_end, value, value_end


@njit(nogil=True, cache=True)
def enter_any_value(data, p, end):
    """What the AnyValue data[p:end] holds -> (kind, its payload, the payload's end or the number's bits)."""
    kind, start, rest = np.int64(0), np.int64(0), np.int64(0)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            break
        number = tag >> 3
        if tag & 7 == 2 and number in (STRING, ARRAY, KVLIST, BYTES):
            length, p = read_length(data, p, end)
            if p < 0:
                break
            kind, start, rest = number, p, p + length
            p += length
        elif tag & 7 == 0 and number in (BOOL, INT):
            raw, p = read_varint(data, p, end)
            if p < 0:
                break
            kind, start, rest = number, p, np.int64(raw)
        elif tag & 7 == 1 and number == DOUBLE:
            if end - p < 8:
                break
            kind, start, rest = number, p, np.int64(load64(data, p))
            p += 8
        else:
            p = skip_field(data, p, end, tag, 0)
            if p < 0:
                break
    return kind, start, rest


@njit(
    types.UniTuple(types.int64, 3)(types.Array(types.uint8, 1, "C"), types.int64, types.int64), nogil=True, cache=True
)
def read_any_value(data, start, end):
    """What the AnyValue data[start:end] of an array holds, as enter_any_value() has it."""
    return enter_any_value(address(data), start, end)


@njit(nogil=True, cache=True)
def visit_any_value(data, start, end, policy, field_start, field_end, key_class, depth, stack, ctx):
    """Look at the AnyValue data[start:end] whose key is of this class -> depth of the stack, one more if it nests."""
    if key_class & KEEP or start < 0:
        return depth
    kind, first, rest = enter_any_value(data, start, end)
    rule = key_class & RULE_BITS
    if rule:
        if kind in (STRING, BYTES):
            if rest > first:
                take_whole(ctx, first, rest, TEXT, policy, field_start, field_end, rule - 1)
        elif kind != 0:
            take_whole(ctx, start, end, VALUE, policy, field_start, field_end, rule - 1)
    elif kind in (STRING, BYTES):
        visit_text(data, first, rest, TEXT, policy, field_start, field_end, key_class & PHONE != 0, ctx)
    elif kind in (INT, DOUBLE):
        if number_is_card(kind, rest, get64(get64(ctx, MASKS), policy)):
            take_whole(ctx, start, end, VALUE, policy, field_start, field_end, CARD)
    elif kind in (ARRAY, KVLIST) and depth < MAX_DEPTH:
        frame = depth * FRAME
        put64(stack, frame, first)
        put64(stack, frame + 1, rest)
        put64(stack, frame + 2, np.int64(kind == KVLIST))
        put64(stack, frame + 3, key_class)
        put64(stack, frame + 4, -(first << 31 | (rest - first)))
        return depth + 1
    return depth


@njit(nogil=True, cache=True)
def visit_value(data, start, end, policy, field_start, field_end, key_class, stack, ctx):
    """Look at an AnyValue and all that is nested in it. `stack`: address of room for MAX_DEPTH frames."""
    depth = visit_any_value(data, start, end, policy, field_start, field_end, key_class, 0, stack, ctx)
    while depth > 0:
        frame = (depth - 1) * FRAME
        p, stop = get64(stack, frame), get64(stack, frame + 1)
        if p >= stop:
            depth -= 1
            continue
        tag, after = read_tag(data, p, stop)
        if after < 0:
            depth -= 1
            continue
        if tag != 0x0A:
            after = skip_field(data, after, stop, tag, 0)
            put64(stack, frame, after if after >= 0 else stop)
            continue
        length, after = read_length(data, after, stop)
        if after < 0:
            depth -= 1
            continue
        put64(stack, frame, after + length)
        inherited = get64(stack, frame + 3)
        if get64(stack, frame + 2) == 0:
            depth = visit_any_value(
                data, after, after + length, policy, p, after + length, inherited, depth, stack, ctx
            )
            continue
        key, key_end, value, value_end = enter_key_value(data, after, after + length)
        key_class = inherited
        if key >= 0:
            key_class = class_of(data, key, key_end - key, policy, ctx)
            visit_key(data, key, key_end, policy, p, after + length, key_class, get64(stack, frame + 4), ctx)
            key_class |= inherited & PHONE
        depth = visit_any_value(data, value, value_end, policy, p, after + length, key_class, depth, stack, ctx)


@njit(nogil=True, cache=True)
def visit_key(data, start, end, policy, field_start, field_end, key_class, group, ctx):
    """List a key that holds something, or every key where all leaves are asked for."""
    if key_class & TELLS or get64(get64(ctx, MASKS), policy) & EVERY_LEAF:
        add_leaf(ctx, start, end, KEY, policy, field_start, field_end, 0, group)
