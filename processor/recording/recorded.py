"""One rule in one partition: its groups of series, and which of its points were handed out with which values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from otelhouse.promql.aggregation import grouped
from otelhouse.promql.selectors import NAME_LABEL, holds
from otelhouse.recording.rule import StreamRule
from processor.metrics_rows.labels import without_empty
from processor.metrics_rows.translate import Series
from processor.recording.evaluate import Series as Sorted
from processor.recording.evaluate import evaluated
from processor.recording.metrics import Spent
from schema.arrays import F64, I64


@dataclass(frozen=True, slots=True)
class Points:
    """Values of a rule at a time, by group; where no series gave one (any longer), `counts` is 0."""

    rule: StreamRule
    time_ms: int
    series: list[Series]
    values: F64
    counts: I64


@dataclass(slots=True)
class Recorded:
    """`since_ms`: the first time at which it has seen all samples. `last_ms`: the newest time evaluated.

    `spent`: what it has taken so far. `group`: of each series, by its place in the input, the group that it belongs to;
    -1 if it is none of the rule's.
    """

    rule: StreamRule
    tenant: str
    since_ms: int
    last_ms: int = 0
    group: I64 = field(default_factory=lambda: np.full(0, -1, np.int64))
    spent: Spent = field(init=False)
    _groups: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    _outputs: list[Series] = field(default_factory=list)
    _handed_out: dict[int, tuple[F64, I64]] = field(default_factory=dict)
    _dirty: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.spent = Spent(self.tenant, self.rule.record, 0, 0.0, 0)

    def take_spent(self) -> Spent:
        """What it has taken since this was asked last."""
        spent, self.spent = self.spent, Spent(self.tenant, self.rule.record, 0, 0.0, 0)
        return spent

    @property
    def oldest_ms(self) -> int:
        """The oldest time whose points can still change."""
        step = self.rule.interval_ms
        return max(self.since_ms, (self.last_ms - self.rule.late_ms) // step * step + step)

    @property
    def due_ms(self) -> int:
        """Log time at which the next point is evaluated."""
        return self.last_ms + self.rule.interval_ms + self.rule.grace_ms

    def wake(self, log_ms: int) -> None:
        """Go on from this log time: what was due before is over."""
        self.last_ms = (log_ms - self.rule.grace_ms) // self.rule.interval_ms * self.rule.interval_ms

    def enter(self, places: Iterable[int], series: list[Series], room: int) -> None:
        """Learn to know series, by their places; there may be `room` of them."""
        self.reserve(room)
        for place, each in zip(places, series, strict=True):
            labels = {NAME_LABEL: each.metric, **each.labels}
            if all(holds(matcher, labels.get(matcher.name, "")) for matcher in self.rule.selector):
                self.group[place] = self._group_of(labels)

    def reserve(self, room: int) -> None:
        """Have place for so many series."""
        if room > len(self.group):
            self.group = np.concatenate((self.group, np.full(room - len(self.group), -1, np.int64)))

    def mark(self, times: I64) -> None:
        """Note samples, of whatever times: points that were evaluated without them are evaluated again."""
        late = times[times <= self.last_ms]
        if len(late):
            self.spent = self.spent._replace(late=self.spent.late + len(late))
            step = self.rule.interval_ms
            first = max(-(-int(late.min()) // step) * step, self.oldest_ms)
            last = min(int(late.max()) + self.rule.range_ms - 1, self.last_ms)
            self._dirty.update(range(first, last + 1, step))

    def due(self, log_ms: int) -> list[int]:
        """Times to evaluate at this log time, ascending: new ones, and again those that late samples changed."""
        step, until_ms = self.rule.interval_ms, log_ms - self.rule.grace_ms
        new = range(max(self.last_ms + step, self.since_ms), until_ms + 1, step)
        found = sorted({*(each for each in self._dirty if each >= self.oldest_ms), *new})
        self._dirty.clear()
        self.last_ms = max(self.last_ms, until_ms // step * step)
        return found

    def evaluate(self, series: Sorted, times: list[int]) -> Iterator[Points]:
        """What is to be handed out of these times: all points of new ones, of others those that changed."""
        values, counts = evaluated(self.rule, series, np.array(times, np.int64), len(self._outputs))
        for at, time_ms in enumerate(times):
            yield from self._changed(time_ms, values[:, at].copy(), counts[:, at].copy())
        for time_ms in [each for each in self._handed_out if each < self.oldest_ms]:
            del self._handed_out[time_ms]

    def keep(self, places: I64) -> None:
        """Go on with these series alone, whose places are their ranks from now on."""
        self.group = self.group[places]
        used = np.zeros(len(self._outputs), np.bool_)
        used[self.group[self.group >= 0]] = True
        for _, counts in self._handed_out.values():
            used[: len(counts)] |= counts > 0  # they may have to be taken back
        kept = np.flatnonzero(used)
        to = np.full(len(used) + 1, -1, np.int64)  # the last one stands for none
        to[kept] = np.arange(len(kept))
        self.group = to[self.group]
        self._outputs = [self._outputs[group] for group in kept.tolist()]
        self._groups = {key: int(to[group]) for key, group in self._groups.items() if used[group]}
        for time_ms, (values, counts) in self._handed_out.items():
            there = kept[kept < len(counts)]
            self._handed_out[time_ms] = values[there], counts[there]

    def forget(self) -> None:
        """Begin anew with series: there are no samples of any."""
        self.group = np.full(0, -1, np.int64)
        self._groups, self._outputs = {}, []
        self._handed_out.clear()
        self._dirty.clear()

    def _changed(self, time_ms: int, values: F64, counts: I64) -> Iterator[Points]:
        before_values, before = self._handed_out.get(time_ms, (np.zeros(0), np.zeros(0, np.int64)))
        self._handed_out[time_ms] = values, counts
        more = len(values) - len(before)
        before = np.concatenate((before, np.zeros(more, np.int64)))
        before_values = np.concatenate((before_values, np.zeros(more)))
        same = (counts == before) & ((values.view(np.int64) == before_values.view(np.int64)) | (counts == 0))
        chosen = np.flatnonzero(~same)
        if len(chosen):
            series = [self._outputs[group] for group in chosen.tolist()]
            self.spent = self.spent._replace(points=self.spent.points + len(chosen))
            yield Points(self.rule, time_ms, series, values[chosen], counts[chosen])

    def _group_of(self, labels: dict[str, str]) -> int:
        aggregate = self.rule.aggregate
        if aggregate is None:
            found = {name: value for name, value in labels.items() if name != NAME_LABEL}
        else:
            found = grouped([labels], aggregate.by, aggregate.labels)[0][0]
        key = tuple(sorted(found.items()))
        if (group := self._groups.get(key)) is None:
            group = self._groups[key] = len(self._groups)
            named = without_empty({**found, **dict(self.rule.labels)})
            named.pop(NAME_LABEL, None)
            self._outputs.append(Series(self.tenant, self.rule.record, named, "gauge"))
        return group
