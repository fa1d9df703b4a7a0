"""Edits written into bytes: what they replace, and the lengths of all messages around them.

A region is a run of whole fields: a body, an item with its tag, or what an envelope holds between its items. One
kernel walks only the messages on the way to an edit and notes each length that changes (a node); the other copies
what lies between nodes and edits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.loads import address
from schema.wire.edits import Edits, Sorted
from schema.wire.gather import copy_range
from schema.wire.layout import write_varint
from schema.wire.reading import MAX_DEPTH, read_length, read_tag, skip_field

if TYPE_CHECKING:
    from schema.wire.scan import Scan

_I64 = types.Array(types.int64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")

LENGTH_AT, PAYLOAD_AT, SIZE = range(3)
NODE = 3
"""A node: where a field's length stands, where its payload begins, and the payload's new length."""


@njit(types.int64(types.int64), nogil=True, cache=True)
def varint_size(value):
    """Bytes of a varint."""
    size = 1
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


@njit(types.Tuple((types.int64, _I64))(_U8, _I64, _I64, _I64, _I64, _I64, _I64), nogil=True, cache=True)
def find_nodes(data, region_start, region_end, edit_start, edit_end, edit_length, region_size):
    """The lengths that the edits change, by place -> (nodes, int64[nodes * NODE]); -1 nodes if an edit does not fit.

    Regions and edits come by place; each edit lies in a region. Out: `region_size`, the regions' new lengths.
    """
    source = address(data)
    nodes = np.empty(64 * NODE, np.int64)
    count = 0
    edits = len(edit_start)
    e = 0
    stack = np.empty((MAX_DEPTH + 1) * 3, np.int64)  # of each message that was left: its end, node and growth
    for region in range(len(region_start)):
        p = region_start[region]
        end = region_end[region]
        grown = np.int64(0)
        depth = 0
        while True:
            if e == edits or edit_end[e] > end:
                if e < edits and edit_start[e] < end:
                    return np.int64(-1), nodes
                if depth == 0:
                    break
                depth -= 1
                at = stack[depth * 3 + 1]
                size = end - nodes[at + PAYLOAD_AT] + grown
                nodes[at + SIZE] = size
                grown += varint_size(size) - (nodes[at + PAYLOAD_AT] - nodes[at + LENGTH_AT]) + stack[depth * 3 + 2]
                p = end
                end = stack[depth * 3]
                continue
            if edit_start[e] < p or p >= end:
                return np.int64(-1), nodes
            whole = edit_start[e] == p and edit_end[e] > p
            tag, after = read_tag(source, p, end)
            if after < 0:
                return np.int64(-1), nodes
            if whole or tag & 7 != 2:
                p = skip_field(source, after, end, tag, 0)
                while whole and 0 <= p < edit_end[e]:
                    tag, after = read_tag(source, p, end)
                    p = skip_field(source, after, end, tag, 0) if after >= 0 else after
                if p < 0 or (p != edit_end[e] if whole else p > edit_start[e]):
                    return np.int64(-1), nodes
                if whole:
                    grown += edit_length[e] - (edit_end[e] - edit_start[e])
                    e += 1
                continue
            length, payload = read_length(source, after, end)
            if payload < 0:
                return np.int64(-1), nodes
            stop = payload + length
            if edit_start[e] > stop or (edit_start[e] == stop and edit_end[e] > stop):
                p = stop
                continue
            if edit_start[e] < payload or edit_end[e] > stop or depth > MAX_DEPTH:
                return np.int64(-1), nodes
            at = count * NODE
            if at == len(nodes):
                more = np.empty(2 * at, np.int64)
                more[:at] = nodes
                nodes = more
            count += 1
            nodes[at + LENGTH_AT] = after
            nodes[at + PAYLOAD_AT] = payload
            if edit_start[e] == payload and edit_end[e] == stop:
                nodes[at + SIZE] = edit_length[e]
                grown += edit_length[e] - length + varint_size(edit_length[e]) - (payload - after)
                e += 1
                p = stop
                continue
            stack[depth * 3] = end
            stack[depth * 3 + 1] = at
            stack[depth * 3 + 2] = grown
            depth += 1
            grown = np.int64(0)
            p = payload
            end = stop
        region_size[region] = region_end[region] - region_start[region] + grown
    return np.int64(count if e == edits else -1), nodes


@njit(types.int64(_U8, _I64, _I64, _I64, _I64, _U8, _I64, _I64, types.int64, _I64, _U8), nogil=True, cache=True)
def write_regions(
    data, region_start, region_end, edit_start, edit_end, new, new_off, new_length, count, nodes, out
):  # fmt: skip
    """Write all regions, one after the other, as found -> bytes written."""
    source, fresh, target = address(data), address(new), address(out)
    written = np.int64(0)
    node = 0
    e = 0
    for region in range(len(region_start)):
        p = region_start[region]
        end = region_end[region]
        while True:
            at_edit = edit_start[e] if e < len(edit_start) and edit_end[e] <= end else end
            at_node = nodes[node * NODE + LENGTH_AT] if node < count else end
            stop = min(at_edit, at_node)
            copy_range(source, p, min(stop, end) - p, target, written)
            written += min(stop, end) - p
            p = stop
            if at_node < end and at_node < at_edit:
                written = write_varint(target, written, nodes[node * NODE + SIZE])
                p = nodes[node * NODE + PAYLOAD_AT]
                node += 1
            elif e < len(edit_start) and edit_end[e] <= end:
                copy_range(fresh, new_off[e], new_length[e], target, written)
                written += new_length[e]
                p = edit_end[e]
                e += 1
            else:
                break
    return written


@dataclass(frozen=True, slots=True)
class Regions:
    """Rewritten regions: uint8[] of all, and int64[regions + 1] where each begins."""

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]


def rewrite(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], edits: Sorted
) -> Regions:
    """Regions [start, end) of `data`, by place, with the edits that lie in them.

    Raises ValueError if an edit lies in no region or is no range that an edit may have (see `edits.py`).
    """
    sizes = np.empty(len(start), np.int64)
    count, nodes = find_nodes(data, start, end, edits.start, edits.end, edits.length, sizes)
    if count < 0:
        raise ValueError("an edit is no whole field and no whole payload")
    bounds = np.zeros(len(start) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    out = np.empty(int(bounds[-1]), np.uint8)
    write_regions(data, start, end, edits.start, edits.end, edits.data, edits.off, edits.length, count, nodes, out)
    return Regions(out, bounds)


def edited(scan: Scan, edits: Edits) -> Regions:
    """All bodies of a scan with the edits; those that the scan refused are empty. Raises ValueError as rewrite()."""
    start = scan.bounds[:-1].copy()
    end = np.where(scan.status == 0, scan.bounds[1:], start)
    return rewrite(scan.data, start, end, edits.sorted())


@dataclass(frozen=True, slots=True)
class Moved:
    """Regions of which the edited ones lie elsewhere: places count from the data's address on, and may be beyond it.

    `kept`: what holds the bytes of those; keep it as long as the places are used.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    kept: npt.NDArray[np.uint8]


def moved(
    data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], edits: Sorted
) -> tuple[Moved, Sorted]:
    """Rewrite the regions that edits lie in, and leave the rest where it is -> (places, edits that lie in none).

    Regions [start, end) of `data`, by place. Raises ValueError as rewrite().
    """
    # An empty range at the border of two regions is the payload of the last field of the first.
    region = np.searchsorted(start, edits.start + (edits.end > edits.start), "left") - 1
    inside = region >= 0
    inside[inside] = edits.end[inside] <= end[region[inside]]
    which = np.unique(region[inside])
    regions = rewrite(data, start[which], end[which], edits.take(inside))
    away = regions.data.ctypes.data - data.ctypes.data
    start, end = start.copy(), end.copy()
    start[which] = regions.bounds[:-1] + away
    end[which] = regions.bounds[1:] + away
    return Moved(start, end, regions.data), edits.take(~inside)
