"""What recording rules have recorded: points of partitions, merged, and up to when they are final."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from otelhouse.clock import Clock
from otelhouse.recording.groups import RecordingRules
from otelhouse.recording.rule import Merge, StreamRule
from otelhouse.rules.documents.recording import parse
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind, Rule, Rules
from query.database import Database
from query.plan.tree import Alias, Column, Number, Select, call
from query.source import source
from schema.arrays import F64, I64, U64, Mask

_OFFSET_BITS = 48  # of a block's number; the others are its partition's
_FRESH_SECONDS = 1.0
"""For so long what is final is not asked for again."""
STALE_BITS = np.uint64(0x7FF0000000000002)
COLUMNS = ("series", "time", "rule", "interval_ms", "merge", "scale", "shift", "value", "count", "block")
TYPES = (np.uint64, np.int64, np.uint64, np.uint32, np.uint8, np.float64, np.float64, np.float64, np.uint32, np.uint64)


def known_of(rule: StreamRule) -> Mapping[str, tuple[float, type[np.generic]]]:
    """Columns that are the same in all rows of a rule: value and type."""
    return {
        "rule": (rule.id, np.uint64),
        "interval_ms": (rule.interval_ms, np.uint32),
        "merge": (rule.merge, np.uint8),
        "scale": (rule.scale, np.float64),
        "shift": (rule.shift, np.float64),
    }


@dataclass(frozen=True, slots=True)
class Final:
    """Of a rule, in ms: from when on all partitions had seen all samples, and up to when all have said their part."""

    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Finals:
    """Of a tenant, by rule; `metrics`: hashes of the names that were ever recorded."""

    rules: Mapping[int, Final]
    metrics: frozenset[int]


class Recordings:
    """Rules as they are in force, and how far they have come. Used on one event loop."""

    def __init__(self, database: Database, rules: Rules | None, clock: Clock) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock
        self._read: dict[str, tuple[Rule, RecordingRules | None]] = {}
        self._finals: dict[str, tuple[float, asyncio.Future[Finals]]] = {}

    def rules(self, tenant: str) -> RecordingRules | None:
        """A tenant's; None without any, or if this release does not understand them."""
        rule = self._rules.rule(Kind.RECORDING, tenant) if self._rules is not None else None
        if rule is None:
            return None
        held = self._read.get(tenant)
        if held is None or held[0] is not rule:
            held = self._read[tenant] = rule, _parsed(rule)
        return held[1]

    async def finals(self, tenant: str) -> Finals:
        """As of a second ago at most. Raises QueryError."""
        now = self._clock.monotonic()
        held = self._finals.get(tenant)
        if held is None or held[0] + _FRESH_SECONDS <= now:
            held = self._finals[tenant] = now, asyncio.ensure_future(self._ask(tenant))
        try:
            return await asyncio.shield(held[1])
        except BaseException:
            if held[1].done():
                self._finals.pop(tenant, None)
            raise

    async def _ask(self, tenant: str) -> Finals:
        partition = call("bitShiftRight", Column("block"), Number(_OFFSET_BITS))
        columns = (
            Alias(Column("metric_hash"), "f_metric"),
            Alias(Column("rule"), "f_rule"),
            *(
                Alias(call("toUnixTimestamp64Milli", call("argMax", Column(name), Column("block"))), f"f_{name}")
                for name in ("since", "until")
            ),
        )
        select = Select(
            columns, source("recorded_until", tenant), group_by=(Column("metric_hash"), Column("rule"), partition)
        )
        found: dict[int, Final] = {}
        metrics = set()
        for metric, rule, since, until in await self._database.rows(select):
            metrics.add(metric)
            held = found.get(rule, Final(0, 2**62))
            found[rule] = Final(max(held.since_ms, since), min(held.until_ms, until))
        return Finals(found, frozenset(metrics))


def _parsed(rule: Rule) -> RecordingRules | None:
    try:
        return parse(rule.document)
    except InvalidRule:  # a newer release wrote it
        return None


@dataclass(frozen=True, slots=True)
class Points:
    """By series and time, of all partitions together. `scaled`: what the rule says in the end."""

    series: U64
    times: I64
    rules: U64
    intervals: I64
    merge: I64
    values: F64
    counts: I64
    scaled: F64

    def where(self, kept: Mask | I64) -> Points:
        """Those."""
        return Points(*(getattr(self, name)[kept] for name in self.__slots__))


def merged(rows: list[np.ndarray], finals: Finals) -> Points:
    """Points of rows, columns as in COLUMNS, that are final; of rules that recorded the same, the newer one's."""
    series, times, rules, intervals, merge, scale, shift, values, counts, blocks = rows
    partitions = blocks >> np.uint64(_OFFSET_BITS)
    order = np.lexsort((blocks, partitions, rules, times, series))
    order = order[_last(_same(order, series, times, rules, partitions))]  # the newest row of each partition
    until = {rule: final.until_ms for rule, final in finals.rules.items()}
    distinct, of_row = np.unique(rules[order], return_inverse=True)
    ends = np.array([until.get(int(rule), 0) for rule in distinct.tolist()], np.int64)
    order = order[(counts[order] > 0) & (times[order] <= ends[of_row.reshape(-1)])]
    firsts = np.flatnonzero(~_same(order, series, times, rules))
    if not len(firsts):
        empty = np.zeros(0, np.int64)
        none = np.zeros(0, np.uint64)
        return Points(none, empty, none, empty, empty, np.zeros(0), empty, np.zeros(0))
    head, given = order[firsts], values[order]
    total = np.add.reduceat(counts[order].astype(np.int64), firsts)
    sums, kinds = np.add.reduceat(given, firsts), merge[head]
    with np.errstate(all="ignore"):
        found = np.select(
            [kinds == Merge.MIN, kinds == Merge.MAX, kinds == Merge.GROUP],
            [np.fmin.reduceat(given, firsts), np.fmax.reduceat(given, firsts), np.ones(len(firsts))],
            sums,
        )
        ready = np.where(kinds == Merge.MEAN, found / total, found) * scale[head] + shift[head]
    newest = np.maximum.reduceat(blocks[order] & np.uint64((1 << _OFFSET_BITS) - 1), firsts)
    points = Points(
        series[head], times[head], rules[head], intervals[head].astype(np.int64), kinds.astype(np.int64), found, total,
        ready,
    )  # fmt: skip
    again = np.lexsort((newest, points.times, points.series))
    return points.where(again[_last(_same(again, points.series, points.times))])


def with_ends(points: Points, finals: Finals, end_ms: int) -> tuple[U64, I64, U64]:
    """(series, times, bits of values) by series and time: with a stale marker where a series has no next point."""
    after = points.times + points.intervals
    followed = np.zeros(len(after), np.bool_)
    followed[:-1] = (points.series[1:] == points.series[:-1]) & (points.times[1:] <= after[:-1])
    until = np.array([finals.rules[int(rule)].until_ms for rule in points.rules.tolist()], np.int64)
    ends = ~followed & (after <= np.minimum(until, end_ms))
    series = np.concatenate((points.series, points.series[ends]))
    times = np.concatenate((points.times, after[ends]))
    bits = np.concatenate((points.scaled.view(np.uint64), np.full(int(ends.sum()), STALE_BITS)))
    order = np.lexsort((times, series))
    return series[order], times[order], bits[order]


def _same(order: I64, *columns: np.ndarray) -> Mask:
    """bool[order]: is the row, in this order, equal in these columns to the one before it?"""
    found = np.ones(len(order), np.bool_)
    found[:1] = False
    for column in columns:
        held = column[order]
        found[1:] &= held[1:] == held[:-1]
    return found


def _last(same: Mask) -> Mask:
    """bool[order]: is the row not followed by one that is equal to it?"""
    found = np.ones(len(same), np.bool_)
    found[:-1] = ~same[1:]
    return found
