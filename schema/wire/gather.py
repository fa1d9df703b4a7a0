"""Kernels over columns of byte ranges. Ranges come from a scan and lie within the data."""

from __future__ import annotations

from numba import njit, types

from schema.loads import load64

# Columns may be over read-only memory (a log record's bytes), so both kinds are compiled ahead.
_I64 = types.Array(types.int64, 1, "C")
_I32 = types.Array(types.int32, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")
_READONLY = types.Array(types.uint8, 1, "C", readonly=True)


@njit(types.void(types.Array(types.int32, 1, "C"), types.int64, types.int64, _I64, _I64), nogil=True, cache=True)
def expand_slices(ints, at, stride, off, length):
    """Read (offset, length) of each row from int32 `at` on; an offset of 0 means absent and becomes -1."""
    for row in range(len(off)):
        place = at + row * stride
        off[row] = ints[place] if ints[place] > 0 else -1
        length[row] = ints[place + 1]


@njit(nogil=True, cache=True)
def copy_range(data, start, size, out, at):
    """out[at:at+size] = data[start:start+size], fast for short ranges."""
    if size >= 64:
        out[at : at + size] = data[start : start + size]
        return
    for i in range(size):
        out[at + i] = data[start + i]


@njit(types.void(_U8, _I64, _I64, _I64, _U8), nogil=True, cache=True)
def copy_slices(data, off, length, offsets, out):
    """Copy each range to out[offsets[row]:]."""
    for row in range(len(off)):
        copy_range(data, off[row], length[row], out, offsets[row])


@njit(types.void(_U8, _I64, _I64, types.Array(types.uint8, 2, "C")), nogil=True, cache=True)
def copy_fixed(data, off, length, out):
    """Copy each range whose length is the row width of `out`; other rows of `out` stay as they are."""
    width = out.shape[1]
    for row in range(len(off)):
        if length[row] == width and off[row] >= 0:
            for i in range(width):
                out[row, i] = data[off[row] + i]


@njit(nogil=True, cache=True)
def equal_range(data, start, size, value):
    """Whether data[start:start+size] equals `value`."""
    if start < 0 or size != len(value):
        return False
    i = 0
    while i + 8 <= size:
        if load64(data, start + i) != load64(value, i):
            return False
        i += 8
    while i < size:
        if data[start + i] != value[i]:
            return False
        i += 1
    return True


@njit(types.void(_U8, _I64, _I64, _READONLY, types.Array(types.boolean, 1, "C")), nogil=True, cache=True)
def equal_slices(data, off, length, value, out):
    """out[row] = whether the row's range equals `value`."""
    for row in range(len(off)):
        out[row] = equal_range(data, off[row], length[row], value)


@njit(types.void(_I32, _I64), nogil=True, cache=True)
def count_children(parent, offsets):
    """offsets[row + 1] = children of the rows up to `row`; `offsets` comes as zeros."""
    for row in parent:
        offsets[row + 1] += 1
    for row in range(1, len(offsets)):
        offsets[row] += offsets[row - 1]


@njit(types.void(_U8, _I64, _I64, _I64, _I64, _READONLY, _I64), nogil=True, cache=True)
def find_key(data, off, length, order, offsets, key, out):
    """out[row] = the first of order[offsets[row]:offsets[row+1]] whose range equals `key`; else it stays."""
    for row in range(len(out)):
        for i in range(offsets[row], offsets[row + 1]):
            if equal_range(data, off[order[i]], length[order[i]], key):
                out[row] = order[i]
                break
