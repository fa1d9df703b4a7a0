"""Kernels over columns of byte ranges. Ranges come from a scan and lie within the data."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from schema.loads import address, get8, load64, prefetch, put8, store64

# Columns may be over read-only memory (a log record's bytes), so both kinds are compiled ahead.
_I64 = types.Array(types.int64, 1, "C")
_I32 = types.Array(types.int32, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")
_READONLY = types.Array(types.uint8, 1, "C", readonly=True)

AHEAD = 8
"""How many rows ahead their bytes are asked for: from row to row is further than the CPU guesses."""


@njit(types.void(types.Array(types.int32, 1, "C"), types.int64, types.int64, _I64, _I64), nogil=True, cache=True)
def expand_slices(ints, at, stride, off, length):
    """Read (offset, length) of each row from int32 `at` on; an offset of 0 means absent and becomes -1."""
    for row in range(len(off)):
        place = at + row * stride
        off[row] = ints[place] if ints[place] > 0 else -1
        length[row] = ints[place + 1]


@njit(types.void(_I32, types.int64, types.int64, _I64, _I64, _I64), nogil=True, cache=True)
def gather_slices(ints, at, stride, rows, off, length):
    """The same of some rows."""
    for i in range(len(rows)):
        place = at + rows[i] * stride
        off[i] = ints[place] if ints[place] > 0 else -1
        length[i] = ints[place + 1]


@njit(types.void(_I32, types.int64, types.int64, _I32, _I64, _I64, _I64), nogil=True, cache=True)
def expand_headers(ints, at, stride, parent, tag, start, end):
    """Read the header (see `program.py`) of each row from int32 `at` on."""
    for row in range(len(parent)):
        place = at + row * stride
        parent[row] = ints[place]
        tag[row] = ints[place + 2]
        start[row] = ints[place + 3]
        end[row] = ints[place + 4]


@njit(nogil=True, cache=True)
def copy_range(data, start, size, out, at):
    """Copy `size` bytes from `start` on to `at`; `data` and `out` are addresses."""
    if size < 8:
        for i in range(size):
            put8(out, at + i, get8(data, start + i))
        return
    i = np.int64(0)
    while i + 8 <= size:
        store64(out, at + i, load64(data, start + i))
        i += 8
    store64(out, at + size - 8, load64(data, start + size - 8))


@njit(types.void(_U8, _I64, _I64, _I64, _U8), nogil=True, cache=True)
def copy_slices(data, off, length, offsets, out):
    """Copy each range to out[offsets[row]:]."""
    source, target = address(data), address(out)
    for row in range(len(off)):
        copy_range(source, off[row], length[row], target, offsets[row])


@njit(types.void(_U8, _I64, _I64, types.Array(types.uint8, 2, "C")), nogil=True, cache=True)
def copy_fixed(data, off, length, out):
    """Copy each range whose length is the row width of `out`; other rows of `out` stay as they are."""
    width = out.shape[1]
    source, target = address(data), address(out)
    for row in range(len(off)):
        if row + AHEAD < len(off):
            prefetch(source, off[row + AHEAD])
        if length[row] == width and off[row] >= 0:
            copy_range(source, off[row], width, target, row * width)


@njit(types.void(_U8, _I64, _I64, types.int64, types.Array(types.boolean, 1, "C")), nogil=True, cache=True)
def mark_ids(data, off, length, width, out):
    """out[row] = whether the range has `width` bytes, a multiple of eight, that are not all zero."""
    source = address(data)
    for row in range(len(off)):
        seen = np.uint64(0)
        if off[row] >= 0 and length[row] == width:
            for i in range(0, width, 8):
                seen |= load64(source, off[row] + i)
        out[row] = seen != 0


@njit(nogil=True, cache=True)
def equal_range(data, start, size, value, wanted):
    """Whether the `size` bytes from `start` on (-1: absent) are the `wanted` bytes at address `value`."""
    if start < 0 or size != wanted:
        return False
    i = np.int64(0)
    while i + 8 <= size:
        if load64(data, start + i) != load64(value, i):
            return False
        i += 8
    while i < size:
        if get8(data, start + i) != get8(value, i):
            return False
        i += 1
    return True


@njit(types.void(_U8, _I64, _I64, _READONLY, types.Array(types.boolean, 1, "C")), nogil=True, cache=True)
def equal_slices(data, off, length, value, out):
    """out[row] = whether the row's range equals `value`."""
    source, wanted = address(data), address(value)
    for row in range(len(off)):
        out[row] = equal_range(source, off[row], length[row], wanted, len(value))


@njit(types.void(_U8, _I64, _I64, _I64, types.Array(types.boolean, 1, "C")), nogil=True, cache=True)
def equal_rows(data, off, length, other, out):
    """out[row] = whether the row's range has the bytes of that of row `other[row]`; an absent one has none."""
    source = address(data)
    for row in range(len(off)):
        place = other[row]
        out[row] = length[row] == length[place] and (
            length[row] == 0 or equal_range(source, off[row], length[row], source + off[place], length[place])
        )


@njit(types.void(_I32, _I64), nogil=True, cache=True)
def count_children(parent, offsets):
    """offsets[row + 1] = children of the rows up to `row`; `offsets` comes as zeros."""
    for row in parent:
        offsets[row + 1] += 1
    for row in range(1, len(offsets)):
        offsets[row] += offsets[row - 1]


@njit(
    types.void(_U8, _I32, types.int64, types.int64, types.int64, types.int64, types.int64, _READONLY, _I64),
    nogil=True,
    cache=True,
)
def find_key(data, ints, at, stride, rows, column, owner, key, out):
    """out[parent] = the first of the attributes of this owner whose key, in this column, equals `key`; else it stays.

    `ints`, `at`, `stride`: see Table.raw.
    """
    source, wanted, size = address(data), address(key), len(key)
    for row in range(rows):
        place = at + row * stride
        if ints[place + column + 1] != size or ints[place + 1] != owner or ints[place + column] <= 0:
            continue
        parent = ints[place]
        if out[parent] < 0 and equal_range(source, np.int64(ints[place + column]), size, wanted, size):
            out[parent] = row
