"""The spans of traces that wait, as they came: the bytes of a window's records, and a few integers a span.

Most of what waits is dropped in the end, so nothing is copied before a verdict asks for it. The spans of a window lie
in one array that goes when the last of them is taken, or is written anew when most of it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import from_dtype, njit, types

from processor.memory import SPARE
from schema.arrays import I32, I64, U8, Mask
from schema.loads import address, get8
from schema.signal import Signal
from schema.wire import Scan, outline
from schema.wire.gather import copy_range
from schema.wire.split import Envelopes, Items, pack

SPAN = np.dtype(
    [
        ("id", np.uint64),
        ("begin", np.uint64),
        ("end", np.uint64),
        ("trace", np.int32),
        ("from", np.int32),
        ("to", np.int32),
        ("scope", np.int32),
        ("status", np.int32),
    ]
)
"""A span that waits: what verdicts ask for most often, the row of its trace in `Known` (-1: taken), where its field
lies in the segment's bytes, and the row of its scope there."""
Spans = npt.NDArray[np.void]

_TAKEN = -1
_I64, _U8 = types.Array(types.int64, 1, "C"), types.Array(types.uint8, 1, "C")
_I32, _U64 = types.Array(types.int32, 1, "C"), types.Array(types.uint64, 1, "C")
_SPANS = types.Array(from_dtype(SPAN), 1, "C")


@dataclass(slots=True)
class _Segment:
    """Spans in the order of the log; `traces` int64[]: rows of Known that had any when it was made; `held`: bytes of
    the spans that are not taken."""

    data: U8
    spans: Spans
    traces: I64
    around: Envelopes
    held: int

    @classmethod
    def of(cls, scan: Scan, trace: I32, traces: I64) -> _Segment:
        """See Buffer.add."""
        items = scan.items
        rows = np.flatnonzero(trace >= 0)
        spans = np.empty(len(rows), SPAN)
        describe_spans(
            rows, items["span_id"].fixed(8).view(np.uint64).ravel(), items["start_time_unix_nano"],
            items["end_time_unix_nano"], trace, items.tag, items.end, items.parent, items["status.code"], spans,
        )  # fmt: skip
        made = cls(scan.data, spans, traces, Envelopes.of(scan), int((items.end[rows] - items.tag[rows]).sum()))
        made.shrink()
        return made

    def take(self, places: I64) -> _Part:
        """Take the spans of traces that have a place, which is not -1, by row of Known."""
        chosen, place = (np.empty(len(self.spans), np.int64) for _ in range(2))
        count, size = take_spans(self.spans, places, chosen, place)
        taken = _Part(self.data, self.spans, self.around, chosen[:count], place[:count])
        self.held -= size
        self.shrink()
        return taken

    def shrink(self) -> None:
        """Write the bytes anew if most of them are of no use."""
        if not self.held or self.held >= len(self.data) // 2:
            return
        self.spans = self.spans[self.spans["trace"] >= 0]
        packed = pack(self.data, _items(self.spans), self.around, np.zeros(len(self.spans), np.int32))
        items = (found := outline(Signal.TRACES, packed.data, packed.bounds, SPARE)).items
        self.data, self.around = packed.data, Envelopes.of(found)
        self.spans["from"], self.spans["to"], self.spans["scope"] = items.tag, items.end, items.parent


@dataclass(frozen=True, slots=True)
class _Part:
    """Spans that were taken of a segment: `chosen` int64[], and the places of their traces."""

    data: U8
    spans: Spans
    around: Envelopes
    chosen: I64
    place: I64


@dataclass(frozen=True, slots=True)
class Pieces:
    """Requests: piece i is data[bounds[i]:bounds[i + 1]]; `place`: that of its trace among those asked for,
    ascending."""

    data: U8
    bounds: I64
    place: I64


class Taken:
    """The spans of some traces, trace by trace, each trace's as they came.

    By span: `place` int64[], that of its trace among those asked for; `ids` uint64[]; `begins`, `ends` uint64[], Unix
    nanoseconds; `status` int32[], the code.
    """

    def __init__(self, parts: Sequence[_Part], traces: int) -> None:
        self._parts = parts
        counts = np.zeros(traces + 1, np.int64)
        for part in parts:
            count_places(part.place, counts)
        next_of = np.cumsum(counts) - counts
        total = int(counts.sum())
        self.place: I64 = np.repeat(np.arange(traces + 1), counts)
        self.ids, self.begins, self.ends = (np.empty(total, np.uint64) for _ in range(3))
        self.status: I32 = np.empty(total, np.int32)
        # Where each part's spans went.
        self._at = [np.empty(len(part.chosen), np.int64) for part in parts]
        for part, at in zip(parts, self._at, strict=True):
            spread_spans(
                part.spans, part.chosen, part.place, next_of, at, self.ids, self.begins, self.ends, self.status
            )

    def pieces(self, chosen: Mask) -> Pieces:
        """Some of these spans, in their order."""
        packed = []
        for part, at in zip(self._parts, self._at, strict=True):
            wanted = chosen[at]
            spans = part.spans[part.chosen[wanted]]
            packed.append(pack(part.data, _items(spans), part.around, part.place[wanted].astype(np.int32)))
        place = _joined([each.group for each in packed], np.int64)
        order = np.argsort(place, kind="stable")
        size = _joined([np.diff(each.bounds) for each in packed], np.int64)
        bounds = np.zeros(len(place) + 1, np.int64)
        np.cumsum(size[order], out=bounds[1:])
        goes_to = np.empty(len(place), np.int64)
        goes_to[order] = bounds[:-1]
        out, first = SPARE.octets(int(bounds[-1])), 0
        for each in packed:
            last = first + len(each.group)
            copy_pieces(each.data, each.bounds[:-1].copy(), each.bounds[1:].copy(), goes_to[first:last].copy(), out)
            first = last
        return Pieces(out, bounds, place[order])

    def bodies(self, chosen: I64) -> tuple[U8, I64, I64]:
        """What some spans hold, without the field around it: (data, start, end); `chosen` int64[], ascending."""
        number = np.full(len(self.place), -1, np.int64)
        number[chosen] = np.arange(len(chosen))
        start, end = np.empty(len(chosen), np.int64), np.empty(len(chosen), np.int64)
        parts, size = [], 0
        for part, at in zip(self._parts, self._at, strict=True):
            wanted = number[at] >= 0
            items = _items(part.spans[part.chosen[wanted]])
            ends = np.cumsum(items.end - items.tag)
            begins = ends - (items.end - items.tag)
            parts.append(np.empty(int(ends[-1]) if len(ends) else 0, np.uint8))
            copy_pieces(part.data, items.tag, items.end, begins, parts[-1])
            start[number[at[wanted]]], end[number[at[wanted]]] = begins + size, ends + size
            size += len(parts[-1])
        data = _joined(parts, np.uint8)
        skip_headers(data, start)
        return data, start, end


class Buffer:
    """Rows of traces are those of `Known`."""

    def __init__(self) -> None:
        self._segments: list[_Segment] = []

    def add(self, scan: Scan, trace: I32, traces: I64) -> None:
        """Hold spans of a window. `trace`: by span the row of its trace, -1 for those that do not wait; `traces`: these
        rows, each once."""
        if len(traces):
            self._segments.append(_Segment.of(scan, trace, traces))

    def take(self, traces: I64, rows: int) -> Taken:
        """Take all spans of these traces. `rows`: how many `Known` has."""
        places = np.full(rows, -1, np.int64)
        places[traces] = np.arange(len(traces))
        parts = [segment.take(places) for segment in self._segments if (places[segment.traces] >= 0).any()]
        self._segments = [segment for segment in self._segments if segment.held]
        return Taken(parts, len(traces))

    def drop(self, traces: I64, rows: int) -> None:
        """Let go of all spans of these traces."""
        self.take(traces, rows)


def _joined(arrays: Sequence[np.ndarray], dtype: npt.DTypeLike) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def _items(spans: Spans) -> Items:
    tag, end = (spans[name].astype(np.int64) for name in ("from", "to"))
    return Items(tag, end, np.ascontiguousarray(spans["scope"]))


@njit(types.void(_I64, _U64, _U64, _U64, _I32, _I64, _I64, _I32, _I32, _SPANS), nogil=True, cache=True)
def describe_spans(rows, ids, begins, ends, traces, tags, stops, scopes, statuses, out):
    """Fill in the spans that stand in these rows of a scan."""
    for i in range(len(rows)):
        row, span = rows[i], out[i]
        span["id"], span["begin"], span["end"] = ids[row], begins[row], ends[row]
        span["trace"], span["from"], span["to"] = traces[row], tags[row], stops[row]
        span["scope"], span["status"] = scopes[row], statuses[row]


@njit(types.UniTuple(types.int64, 2)(_SPANS, _I64, _I64, _I64), nogil=True, cache=True)
def take_spans(spans, places, chosen, place):
    """Take the spans of traces that have a place -> (how many, their bytes); `chosen` and `place` are filled in."""
    count, size = np.int64(0), np.int64(0)
    for row in range(len(spans)):
        span = spans[row]
        if span["trace"] >= 0 and places[span["trace"]] >= 0:
            chosen[count], place[count] = row, places[span["trace"]]
            size += span["to"] - span["from"]
            span["trace"] = _TAKEN
            count += 1
    return count, size


@njit(types.void(_I64, _I64), nogil=True, cache=True)
def count_places(place, counts):
    """How many spans each trace has, added to `counts`."""
    for each in place:
        counts[each] += 1


@njit(types.void(_SPANS, _I64, _I64, _I64, _I64, _U64, _U64, _U64, _I32), nogil=True, cache=True)
def spread_spans(spans, chosen, place, next_of, at, ids, begins, ends, status):
    """Put spans where their trace's next one goes: `next_of` by place, which moves on."""
    for i in range(len(chosen)):
        span, to = spans[chosen[i]], next_of[place[i]]
        next_of[place[i]] += 1
        at[i] = to
        ids[to], begins[to], ends[to], status[to] = span["id"], span["begin"], span["end"], span["status"]


@njit(types.void(_U8, _I64, _I64, _I64, _U8), nogil=True, cache=True)
def copy_pieces(data, start, end, at, out):
    """Copy data[start:end] to out[at:], for each piece."""
    source, target = address(data), address(out)
    for i in range(len(start)):
        copy_range(source, start[i], end[i] - start[i], target, at[i])


@njit(types.void(_U8, _I64), nogil=True, cache=True)
def skip_headers(data, start):
    """Move each start of a field past its tag and length, to its body."""
    source = address(data)
    for i in range(len(start)):
        for _ in range(2):
            while get8(source, start[i]) >= 0x80:
                start[i] += 1
            start[i] += 1
