"""Kernels behind split(): one sizes the pieces, one writes them.

An item stands in its piece as resource{ scope{ item } }, where the envelopes are repeated for each piece; all
three fields have one-byte tags in OTLP (1, 2, 2), which is what `field_size` counts on.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from schema.loads import address, put8
from schema.wire.gather import copy_range

_I32 = types.Array(types.int32, 1, "C")
_I64 = types.Array(types.int64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")

RESOURCE_TAG = 0x0A
SCOPE_TAG = 0x12

CALL_SHARE = 16
CALL_ALLOWANCE = 16 << 20
"""Envelope bytes that one call may cost: its length times the share, and the allowance. A call with a huge resource
and one small item for every group would otherwise grow without bound."""


@njit(nogil=True, cache=True)
def field_size(body):
    """Bytes of a delimited field with a one-byte tag and a body of this length."""
    size = body + 2
    while body >= 0x80:
        body >>= 7
        size += 1
    return size


@njit(types.Tuple((_I64, types.int64))(_I32), nogil=True, cache=True)
def order_groups(group):
    """Rows by group, those of a group in order, without those of group -1 -> (rows, the lowest group).

    A counting sort: groups are few, and small numbers.
    """
    low = np.int64(0)
    high = np.int64(-1)
    for row in range(len(group)):
        low = min(low, np.int64(group[row]))
        high = max(high, np.int64(group[row]))
    if low < -1:
        return np.empty(0, np.int64), low
    place = np.zeros(high + 3, np.int64)
    for row in range(len(group)):
        place[group[row] + 2] += 1
    place[1] = 0
    for i in range(2, len(place)):
        place[i] += place[i - 1]
    rows = np.empty(place[-1], np.int64)
    for row in range(len(group)):
        if group[row] >= 0:
            rows[place[group[row] + 1]] = row
            place[group[row] + 1] += 1
    return rows, low


@njit(types.void(_I64, _I64, _I32, _I64, _I64, _I64, _I64, _I64, _I64), nogil=True, cache=True)
def find_gaps(start, end, child_parent, child_tag, child_end, gap_offsets, gap_start, gap_end, gap_size):
    """The byte ranges of each row's body that are not its children's, at most children + 1 a row, and their sum."""
    n = 0
    child = 0
    gap_offsets[0] = 0
    for row in range(len(start)):
        p = start[row]
        size = np.int64(0)
        while child < len(child_parent) and child_parent[child] == row:
            if child_tag[child] > p:
                gap_start[n], gap_end[n] = p, child_tag[child]
                size += child_tag[child] - p
                n += 1
            p = child_end[child]
            child += 1
        if end[row] > p:
            gap_start[n], gap_end[n] = p, end[row]
            size += end[row] - p
            n += 1
        gap_size[row] = size
        gap_offsets[row + 1] = n


@njit(
    types.int64(_I64, _I32, _I64, _I32, _I32, _I32, _I64, _I64, _I64, types.int64, _I32, _I64, _I64, _I64),
    nogil=True,
    cache=True,
)
def lay_out(
    order, group, item_size, scope_of, resource_of, call_of, scope_gap, resource_gap, allowance, limit,
    piece, resource_size, scope_size, piece_size,
):  # fmt: skip
    """Assign the items, in `order` (groups together), to pieces of at most `limit` bytes -> number of pieces.

    Out, by position in `order`: `piece` (-1: fits in none), and where a resource or scope begins the size of its
    body in `resource_size`, `scope_size` (else -1); `piece_size` by piece. `allowance` (by call) is used up.
    """
    pieces = 0
    opened = -1  # position that opened the piece; the next two: the resource, the scope
    at_resource = -1
    at_scope = -1
    closed = np.int64(0)
    in_resource = np.int64(0)
    in_scope = np.int64(0)
    last = np.int64(-1)
    for k in range(len(order)):
        item = order[k]
        size = item_size[item]
        scope = scope_of[item]
        resource = resource_of[scope]
        inner = field_size(scope_gap[scope] + size)
        alone = field_size(resource_gap[resource] + inner)
        piece[k] = -1
        resource_size[k] = -1
        scope_size[k] = -1
        fits = False
        if opened >= 0 and group[last] == group[item]:
            if scope_of[last] == scope:
                total = closed + field_size(in_resource + field_size(in_scope + size))
            elif resource_of[scope_of[last]] == resource:
                total = closed + field_size(in_resource + field_size(in_scope) + inner)
            else:
                total = closed + field_size(in_resource + field_size(in_scope)) + alone
            fits = total <= limit
        same_scope = fits and scope_of[last] == scope
        if not same_scope:
            cost = alone - size
            if alone > limit or allowance[call_of[item]] < cost:
                continue
            allowance[call_of[item]] -= cost
            if opened >= 0:
                scope_size[at_scope] = in_scope
                in_resource += field_size(in_scope)
                if not (fits and resource_of[scope_of[last]] == resource):
                    resource_size[at_resource] = in_resource
                    closed += field_size(in_resource)
            if not fits:
                if opened >= 0:
                    piece_size[pieces - 1] = closed
                pieces += 1
                opened = k
                closed = 0
            if not (fits and resource_of[scope_of[last]] == resource):
                at_resource = k
                in_resource = resource_gap[resource]
            at_scope = k
            in_scope = scope_gap[scope]
        in_scope += size
        piece[k] = pieces - 1
        last = item
    if opened >= 0:
        scope_size[at_scope] = in_scope
        in_resource += field_size(in_scope)
        resource_size[at_resource] = in_resource
        piece_size[pieces - 1] = closed + field_size(in_resource)
    return pieces


@njit(nogil=True, cache=True)
def write_varint(out, p, value):
    """Write a varint -> next."""
    while value >= 0x80:
        put8(out, p, (value & 0x7F) | 0x80)
        value >>= 7
        p += 1
    put8(out, p, value)
    return p + 1


@njit(nogil=True, cache=True)
def write_header(out, p, tag, length):
    """Write a one-byte tag and a length -> next."""
    put8(out, p, tag)
    return write_varint(out, p + 1, length)


@njit(nogil=True, cache=True)
def copy_gaps(data, offsets, start, end, row, out, p):
    """Copy the gaps of a row -> next."""
    for i in range(offsets[row], offsets[row + 1]):
        copy_range(data, start[i], end[i] - start[i], out, p)
        p += end[i] - start[i]
    return p


_GAPS = types.UniTuple(_I64, 3)


@njit(
    types.int64(_U8, _I64, _I32, _I64, _I64, _I64, _I64, _I32, _I32, _GAPS, _GAPS, _U8),
    nogil=True,
    cache=True,
)
def write_pieces(
    data, order, piece, resource_size, scope_size, item_tag, item_end, scope_of, resource_of, resource_gaps,
    scope_gaps, out,
):  # fmt: skip
    """Write all pieces, one after the other, as laid out -> bytes written."""
    p = np.int64(0)
    source, target = address(data), address(out)
    for k in range(len(order)):
        if piece[k] < 0:
            continue
        item = order[k]
        scope = scope_of[item]
        if resource_size[k] >= 0:
            p = write_header(target, p, RESOURCE_TAG, resource_size[k])
            p = copy_gaps(source, resource_gaps[0], resource_gaps[1], resource_gaps[2], resource_of[scope], target, p)
        if scope_size[k] >= 0:
            p = write_header(target, p, SCOPE_TAG, scope_size[k])
            p = copy_gaps(source, scope_gaps[0], scope_gaps[1], scope_gaps[2], scope, target, p)
        size = item_end[item] - item_tag[item]
        copy_range(source, item_tag[item], size, target, p)
        p += size
    return p


@njit(types.int64(_I64, _I32, _I32, _I64, _I32, _I64, _I64, _I64, _I32), nogil=True, cache=True)
def describe_pieces(order, piece, group, weight, call_of, first_group, items, run_end, calls):
    """What is in each piece: its group, OTLP items, and its calls, each once -> number of calls noted.

    Out: `first_group` and `items` by piece; `calls`, those of all pieces one after the other, where `run_end` says by
    piece where its own end. A call's items stand together within a piece.
    """
    noted = 0
    last_piece = np.int32(-1)
    last_call = np.int32(-1)
    for k in range(len(order)):
        at = piece[k]
        if at < 0:
            continue
        item = order[k]
        if at != last_piece:
            first_group[at] = group[item]
            items[at] = 0
        items[at] += weight[item]
        if at != last_piece or call_of[item] != last_call:
            calls[noted] = call_of[item]
            noted += 1
        run_end[at] = noted
        last_piece = at
        last_call = call_of[item]
    return noted
