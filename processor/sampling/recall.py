"""Brings back from the log what traces were made of that a verdict has dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from otelhouse.bus.contract import LogError, Reader, Record, TopicPartition
from otelhouse.clickhouse import ClickHouseError
from otelhouse.telemetry import get_logger
from processor import batch as batches
from processor.sampling.buffer import Buffer, Taken
from processor.waiting import Abandoned, Waiter
from processor.window import Entry, Window
from schema.arrays import I32, I64, U8, U64, Mask
from schema.record import Framing, FramingError, parse_headers

_log = get_logger(__name__)
_T = TypeVar("_T")
_ASK_AGAIN_SECONDS = 0.5
_PORTION_BYTES = 8 << 20


class Verdict(NamedTuple):
    """What the ledger says of a trace that was dropped: its class, log times and offsets of its spans up to then."""

    retention_class: int
    first_ms: int
    last_ms: int
    first_offset: int
    last_offset: int


@dataclass(frozen=True, slots=True)
class Sightings:
    """Where spans of traces are in the log: of trace `trace[i]` in offsets [start[i], end[i])."""

    trace: I64
    start: I64
    end: I64


class Index(Protocol):
    """What is stored of a partition. Raises ClickHouseError."""

    def verdicts(self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int) -> dict[bytes, Verdict]:
        """The last that dropped each trace, in blocks before the one that ends at an offset."""

    def sightings(
        self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int
    ) -> list[tuple[bytes, int, int]]:
        """(trace, first offset, last offset) for each window that brought spans of one, in such blocks."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Traces. `verdicts`: what was said of each before; `found` bool[traces]: whether all of it was still there and
    within the limit; `taken`: spans of those, a trace's place is that among those found; `over` bool[traces]: those
    that the limit left out. `read_bytes`: what was read of the log."""

    taken: Taken
    verdicts: list[Verdict]
    found: Mask
    over: Mask
    read_bytes: int


class Recall:
    """Of one partition; one thread uses it."""

    def __init__(self, name: TopicPartition, index: Index, reader: Reader, waiter: Waiter) -> None:
        self._name = name
        self._index = index
        self._reader = reader
        self._waiter = waiter

    def __call__(self, window: Window, tenant: str, ids: U8, most_bytes: int) -> Recalled:
        """All spans of dropped traces up to the window's end; `ids` uint8[traces, 16], ascending.

        Reads from the oldest record on, and no further than the one with which it reaches `most_bytes`; the window
        itself is at hand. Waits for the log and for ClickHouse; raises Abandoned if that is in vain.
        """
        names = [each.tobytes() for each in ids]
        asked = self._name, tenant, names, window.end
        verdicts = self._asked(partial(self._index.verdicts, *asked))
        seen = self._asked(partial(self._index.sightings, *asked))
        places = {each: place for place, each in enumerate(names)}
        # Spans from before its last verdict's first belong to a verdict that was forgotten.
        rows = [row for row in seen if row[0] in verdicts and row[1] >= verdicts[row[0]].first_offset]
        sightings = Sightings(
            np.array([places[row[0]] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] + 1 for row in rows], np.int64),
        )
        read = _Read(window, tenant, ids)
        begins, ends = merged(sightings.start, sightings.end)
        for start, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if not self._read(read, start, end, most_bytes):
                break
        read.take([entry.record for entry in window.entries])
        over = _any(sightings, sightings.end > read.until if read.full else np.zeros(len(rows), np.bool_), len(ids))
        gone = np.ones(len(ids), np.bool_)
        gone[sightings.trace] = False
        gone |= _any(sightings, read.lacks(sightings), len(ids))
        found = ~over & ~gone
        nothing = Verdict(0, 0, 0, 0, 0)
        return Recalled(
            read.taken(found), [verdicts.get(each, nothing) for each in names], found, over, read.read_bytes
        )

    def _read(self, read: _Read, start: int, end: int, most_bytes: int) -> bool:
        """Offsets [start, end); false once the limit is reached."""
        at = start
        while at < end:
            records = self._asked(partial(self._reader.read, self._name, at, end, _PORTION_BYTES))
            sizes = np.cumsum([len(record.value) for record in records]) + read.read_bytes
            fit = int(np.searchsorted(sizes, most_bytes)) + 1
            read.note(at, records[:fit], end)
            if len(records) >= fit and sizes[fit - 1] >= most_bytes:
                read.full = True
                return False
            at = records[-1].offset + 1 if records else end
        return True

    def _asked(self, ask: Callable[[], _T]) -> _T:
        said = ""
        while not self._waiter.pause(_ASK_AGAIN_SECONDS if said else 0.0):
            try:
                return ask()
            except (ClickHouseError, LogError) as error:
                if said != (said := " ".join(str(error).split())[:500] or "no answer"):
                    _log.warning(
                        "cannot bring dropped traces back now; trying again", reason=said, **_words(self._name)
                    )
        raise Abandoned


class _Read:
    """What was read so far. `until`: the offset after the last record; `full`: the limit was reached there."""

    def __init__(self, window: Window, tenant: str, ids: U8) -> None:
        self.read_bytes = 0
        self.until = 0
        self.full = False
        self._window = window
        self._tenant = tenant
        self._ids = _halves(ids)
        self._lacking: list[tuple[int, int]] = []
        self._buffer = Buffer()

    def note(self, start: int, records: Sequence[Record], end: int) -> None:
        """Records of [start, end), of which the log may lack some."""
        at = start
        for record in records:
            if record.offset > at:
                self._lacking.append((at, record.offset))
            at = record.offset + 1
            self.read_bytes += len(record.value)
        if not records:
            self._lacking.append((start, end))
        self.until = at if records else end
        self.take(records)

    def take(self, records: Sequence[Record]) -> None:
        """Look for spans in them."""
        entries = tuple(entry for entry in map(_entry, records) if entry and entry.framing.tenant == self._tenant)  # type: ignore[union-attr]
        if not entries:
            return
        found = batches.read(replace(self._window, entries=entries, changes=()), keys=()).scan
        group = places_of(_halves(found.items["trace_id"].fixed(16)), self._ids)
        self._buffer.add(found, group, np.unique(group[group >= 0]).astype(np.int64))

    def lacks(self, sightings: Sightings) -> Mask:
        """bool[sightings]: whether the log had not all of it."""
        lacking = np.zeros(len(sightings.start), np.bool_)
        for start, end in self._lacking:
            lacking |= (sightings.start < end) & (sightings.end > start)
        return lacking

    def taken(self, traces: Mask) -> Taken:
        """Of these traces, trace by trace, as they came."""
        return self._buffer.take(np.flatnonzero(traces), len(traces))


def _entry(record: Record) -> Entry | None:
    try:
        said = parse_headers(record.headers)
    except FramingError:
        return None
    return Entry(record, record.append_ms, said) if isinstance(said, Framing) else None


def places_of(ids: U64, wanted: U64) -> I32:
    """int32[ids]: the place of each in `wanted` or -1; both uint64[, 2]."""
    found = np.full(len(ids), -1, np.int32)
    # Hardly any are wanted: the rest is not looked at twice.
    rows = np.flatnonzero(np.isin(ids[:, 1], wanted[:, 1]))
    keys, inverse = np.unique(np.concatenate([wanted, ids[rows]]), axis=0, return_inverse=True)
    inverse, place = inverse.reshape(-1), np.full(len(keys), -1, np.int32)
    place[inverse[: len(wanted)]] = np.arange(len(wanted))
    found[rows] = place[inverse[len(wanted) :]]
    return found


def _halves(ids: U8) -> U64:
    halves: U64 = np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2)
    return halves


def merged(start: I64, end: I64) -> tuple[I64, I64]:
    """The union of ranges, ascending: (starts, ends)."""
    if not len(start):
        return start, end
    order = np.argsort(start, kind="stable")
    start, end = start[order], np.maximum.accumulate(end[order])
    new = np.concatenate([np.ones(1, np.bool_), start[1:] > end[:-1]])
    return start[new], end[np.concatenate([np.flatnonzero(new)[1:] - 1, [len(end) - 1]])]


def _any(sightings: Sightings, chosen: Mask, traces: int) -> Mask:
    """bool[traces]: those with such a sighting."""
    found = np.zeros(traces, np.bool_)
    found[sightings.trace[chosen]] = True
    return found


def _words(name: TopicPartition) -> dict[str, object]:
    return {"topic": name.topic, "partition": name.partition}
