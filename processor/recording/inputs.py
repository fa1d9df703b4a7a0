"""The series of one metric that rules read, and their samples for as long as a rule may need them.

Samples are kept as they come, 20 bytes each: a place among the series, time and value. Evaluation puts them in order.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from processor.metrics_rows.translate import Series
from processor.recording.evaluate import Series as Sorted
from processor.recording.kernels import by_series, enter_rows, find_rows
from processor.recording.recorded import Points, Recorded
from schema.arrays import I32, I64, U64, Mask

AHEAD_MS = 300_000
"""Samples further ahead of log time than that are passed over: nobody could say for how long to hold them."""
_LEAST = 1 << 8


@dataclass(frozen=True, slots=True)
class Arrived:
    """Samples in the order of the log: ids of series, times in ms, values' bits, log time at each.

    `describe` tells of which series some of them are.
    """

    ids: U64
    times: I64
    bits: I64
    log_ms: I64
    describe: Callable[[I64], list[Series]]


class Input:
    """Of one metric of a tenant. One thread uses it. `most`: series that are known at a time; others are passed over.

    `moved`: whether what is final has changed since somebody set it to False; `passed_over`: samples not looked at.
    """

    def __init__(self, most: int) -> None:
        self.rules: list[Recorded] = []
        self.moved = False
        self.passed_over = 0
        self._most = most
        self._seed = np.uint64(secrets.randbits(64) | 1)
        self._chunks: list[tuple[I32, I64, I64]] = []
        # By place: ids, whether of delta temporality, whether all rules know the series; a hash table, id -> place.
        self._ids: U64 = np.zeros(0, np.uint64)
        self._delta: Mask = np.zeros(0, np.bool_)
        self._described: Mask = np.zeros(0, np.bool_)
        self._keys: U64 = np.zeros(_LEAST, np.uint64)
        self._places: I32 = np.zeros(_LEAST, np.int32)
        self._used = 0
        self._alive = 0  # of these, when that was looked at last

    @property
    def series(self) -> int:
        """How many are known."""
        return self._used

    @property
    def samples(self) -> int:
        """How many are held."""
        return sum(len(times) for _, times, _ in self._chunks)

    @property
    def due_ms(self) -> int | None:
        """Log time at which a point is due; None if no samples are held, and so none is."""
        return min(each.due_ms for each in self.rules) if self._chunks else None

    def use(self, rules: list[Recorded]) -> None:
        """Be read by these rules from now on. What is new of them learns to know a series at its next sample."""
        self.rules = rules
        self.moved = True
        self._described[:] = False
        for rule in rules:
            rule.reserve(len(self._ids))

    def feed(self, arrived: Arrived, log_ms: int) -> Iterator[Points]:
        """Take samples, and evaluate what is due by this log time, or before one of them came."""
        at, count = 0, len(arrived.ids)
        while True:
            if not self._chunks:
                if at == count:
                    return
                self._wake(int(arrived.log_ms[at]))
            due = min(each.due_ms for each in self.rules)
            if (until := int(np.searchsorted(arrived.log_ms, due))) > at:
                self._take(arrived, slice(at, until))
                at = until
            if due > log_ms:
                if at == count:
                    return
            elif self._chunks:
                yield from self._evaluate(due)

    def _wake(self, log_ms: int) -> None:
        """What was due before the first sample came is over."""
        self.moved = True
        for each in self.rules:
            each.wake(log_ms)

    def _evaluate(self, due_ms: int) -> Iterator[Points]:
        self.moved = True
        for at, each in enumerate(self.rules):
            if each.due_ms <= due_ms and (times := each.due(due_ms)):
                began = time.perf_counter()
                yield from each.evaluate(self._sorted(at, times[0] - each.rule.range_ms, times[-1]), times)
                each.spent = each.spent._replace(seconds=each.spent.seconds + time.perf_counter() - began)
        unneeded = min(each.oldest_ms - each.rule.range_ms for each in self.rules)
        self._chunks = [chunk for chunk in self._chunks if chunk[1].max() > unneeded]
        if not self._chunks:
            self._forget()
        elif self._used > 2 * self._alive + _LEAST:
            self._compact()

    def _compact(self) -> None:
        """Forget series that have no samples left."""
        alive = np.zeros(self._used, np.bool_)
        for places, _, _ in self._chunks:
            alive[places] = True
        kept = np.flatnonzero(alive)
        self._alive = self._used = len(kept)
        self._ids, self._delta, self._described = self._ids[kept], self._delta[kept], self._described[kept]
        self._enter_all()
        to = np.full(len(alive), -1, np.int32)
        to[kept] = np.arange(len(kept))
        self._chunks = [(to[places], times, bits) for places, times, bits in self._chunks]
        for rule in self.rules:
            rule.keep(kept)

    def _take(self, arrived: Arrived, part: slice) -> None:
        ids, times, bits = arrived.ids[part], arrived.times[part], arrived.bits[part]
        rows = np.arange(part.start, part.stop)
        if (far := times > arrived.log_ms[part] + AHEAD_MS).any():
            ids, times, bits, rows = ids[~far], times[~far], bits[~far], rows[~far]
        places = self._found(ids)
        unknown = np.flatnonzero(~np.append(self._described, False)[places])
        if len(unknown):
            self._learn(ids, places, unknown, lambda chosen: arrived.describe(rows[chosen]))
            places = self._found(ids)
        kept = places >= 0
        if not kept.all():
            places, times, bits = places[kept], times[kept], bits[kept]
        self.passed_over += part.stop - part.start - len(times)
        if len(times):
            self._mark_late(places, times)
            self._chunks.append((places, times, bits))

    def _sorted(self, at: int, after_ms: int, until_ms: int) -> Sorted:
        """The samples that a rule, the one at this place among ours, reads with after_ms < time <= until_ms."""
        chosen = [_between(chunk, after_ms, until_ms) for chunk in self._chunks]
        places, times, bits = (np.concatenate([chunk[part] for chunk in chosen]) for part in range(3))
        order, row = self._rows(at)
        offsets, times, bits = by_series(places, times, bits, row, len(order))
        return Sorted(offsets, times, bits, self._delta[order], self.rules[at].group[order])

    def _rows(self, at: int) -> tuple[I64, I64]:
        """(places of the rule's series by id, so that sums do not depend on who came first; the row of each place)"""
        members = np.flatnonzero(self.rules[at].group[: self._used] >= 0)
        order = members[np.argsort(self._ids[members], kind="stable")]
        row = np.full(max(self._used, 1), -1, np.int64)
        row[order] = np.arange(len(order))
        return order, row

    def _found(self, ids: U64) -> I32:
        places = np.empty(len(ids), np.int32)
        find_rows(ids, self._seed, self._keys, self._places, places)
        return places

    def _learn(self, ids: U64, places: I32, unknown: I64, describe: Callable[[I64], list[Series]]) -> None:
        _, first = np.unique(ids[unknown], return_index=True)
        rows = unknown[first]
        new = rows[places[rows] < 0][: max(self._most - self._used, 0)]
        old = rows[places[rows] >= 0]
        self._reserve(self._used + len(new))
        enter_rows(ids[new], self._used, self._seed, self._keys, self._places)
        at = np.arange(self._used, self._used + len(new))
        self._ids[at] = ids[new]
        self._used += len(new)
        told, where = np.concatenate((new, old)), np.concatenate((at, places[old].astype(np.int64)))
        found = describe(told)
        self._delta[where] = [each.temporality == "delta" for each in found]
        self._described[where] = True
        for rule in self.rules:
            rule.enter(where.tolist(), found, len(self._ids))

    def _reserve(self, series: int) -> None:
        if series > len(self._ids):
            more = max(series, 2 * len(self._ids)) - len(self._ids)
            self._ids = np.concatenate((self._ids, np.zeros(more, np.uint64)))
            self._delta, self._described = (
                np.concatenate((each, np.zeros(more, np.bool_))) for each in (self._delta, self._described)
            )
        if 2 * series > len(self._keys):
            self._enter_all(series)

    def _enter_all(self, room: int = 0) -> None:
        """Make the hash table anew, with place for so many series."""
        size = max(_LEAST, 1 << (4 * max(room, self._used)).bit_length())
        self._keys, self._places = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        enter_rows(self._ids[: self._used], 0, self._seed, self._keys, self._places)

    def _forget(self) -> None:
        self._ids, self._delta, self._described = self._ids[:0], self._delta[:0], self._described[:0]
        self._used = self._alive = 0
        self._enter_all()
        for rule in self.rules:
            rule.forget()

    def _mark_late(self, places: I32, times: I64) -> None:
        if times.min() <= max(each.last_ms for each in self.rules):
            for rule in self.rules:
                rule.mark(times[rule.group[places] >= 0])


def _between(chunk: tuple[I32, I64, I64], after_ms: int, until_ms: int) -> tuple[I32, I64, I64]:
    places, times, bits = chunk
    inside = (times > after_ms) & (times <= until_ms)
    return chunk if inside.all() else (places[inside], times[inside], bits[inside])
