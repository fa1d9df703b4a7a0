"""The spans of traces that wait, as they came: bytes of the wire and a few integers a piece, nothing a span.

A piece is what one window brought of one trace: an OTLP request of its own. The pieces of a window lie in one array
that goes when the last of them is taken, or is written anew when most of it is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, types

from processor.memory import SPARE
from schema.arrays import I64, U8
from schema.loads import address
from schema.wire.gather import copy_range
from schema.wire.split import Packed

_TAKEN = -1
_I64, _U8 = types.Array(types.int64, 1, "C"), types.Array(types.uint8, 1, "C")


@dataclass(slots=True)
class _Segment:
    """Piece i is data[start[i]:end[i]] and belongs to the trace in row `trace[i]` of `Known` (-1: taken)."""

    data: U8
    start: I64
    end: I64
    trace: I64
    held: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """What was taken: piece i is data[bounds[i]:bounds[i + 1]]; `place`: its trace's place among those asked for,
    ascending; a trace's pieces come as they were put in."""

    data: U8
    bounds: I64
    place: I64

    def chosen(self, pieces: I64) -> Pieces:
        """Some of them, by number."""
        start, end = self.bounds[pieces], self.bounds[pieces + 1]
        bounds = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum(end - start, out=bounds[1:])
        data = np.empty(int(bounds[-1]), np.uint8)
        copy_pieces(self.data, start, end, bounds[:-1].copy(), data)
        return Pieces(data, bounds, self.place[pieces])


class Buffer:
    """Rows of traces are those of `Known`."""

    def __init__(self) -> None:
        self._segments: list[_Segment] = []

    @property
    def held_bytes(self) -> int:
        """Bytes of the pieces that wait."""
        return sum(segment.held for segment in self._segments)

    def add(self, packed: Packed, traces: I64) -> None:
        """Hold the pieces of a window; group g belongs to the trace in row traces[g]."""
        if len(packed.group):
            start, end = packed.bounds[:-1].copy(), packed.bounds[1:].copy()
            self._segments.append(_Segment(packed.data, start, end, traces[packed.group], len(packed.data)))

    def take(self, traces: I64, rows: int) -> Pieces:
        """Take all pieces of these traces. `rows`: how many `Known` has."""
        places = np.full(rows, -1, np.int64)
        places[traces] = np.arange(len(traces))
        found = []
        for segment in self._segments:
            place = np.where(segment.trace >= 0, places[segment.trace], -1)
            taken = np.flatnonzero(place >= 0)
            if len(taken):
                found.append((segment, place[taken], taken))
        place = np.concatenate([each[1] for each in found]) if found else np.zeros(0, np.int64)
        size = np.concatenate([s.end[t] - s.start[t] for s, _, t in found]) if found else np.zeros(0, np.int64)
        order = np.argsort(place, kind="stable")
        bounds = np.zeros(len(place) + 1, np.int64)
        np.cumsum(size[order], out=bounds[1:])
        at = np.empty(len(place), np.int64)
        at[order] = bounds[:-1]
        data = SPARE.octets(int(bounds[-1]))
        first = 0
        for segment, _, taken in found:
            copy_pieces(segment.data, segment.start[taken], segment.end[taken], at[first : first + len(taken)], data)
            first += len(taken)
            self._leave_out(segment, taken)
        self._segments = [segment for segment in self._segments if segment.held]
        return Pieces(data, bounds, place[order])

    def drop(self, traces: I64, rows: int) -> None:
        """Let go of all pieces of these traces."""
        gone = np.zeros(rows, np.bool_)
        gone[traces] = True
        for segment in self._segments:
            self._leave_out(segment, np.flatnonzero((segment.trace >= 0) & gone[segment.trace]))
        self._segments = [segment for segment in self._segments if segment.held]

    def _leave_out(self, segment: _Segment, pieces: I64) -> None:
        segment.held -= int((segment.end[pieces] - segment.start[pieces]).sum())
        segment.trace[pieces] = _TAKEN
        if segment.held and segment.held < len(segment.data) // 2:
            left = np.flatnonzero(segment.trace >= 0)
            size = segment.end[left] - segment.start[left]
            at = np.cumsum(size) - size
            data = np.empty(segment.held, np.uint8)
            copy_pieces(segment.data, segment.start[left], segment.end[left], at, data)
            segment.data, segment.start, segment.end, segment.trace = data, at, at + size, segment.trace[left]


@njit(types.void(_U8, _I64, _I64, _I64, _U8), nogil=True, cache=True)
def copy_pieces(data, start, end, at, out):
    """Copy data[start:end] to out[at:], for each piece."""
    source, target = address(data), address(out)
    for i in range(len(start)):
        copy_range(source, start[i], end[i] - start[i], target, at[i])
