"""Series in memory, as the evaluator reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from otelhouse.promql.selectors import Matcher, MatchType, Selector
from otelhouse.promql.storage import Samples

STALE = np.uint64(0x7FF0000000000002).view(np.float64)


@dataclass(frozen=True)
class Series:
    """Times are in ms, ascending."""

    labels: dict[str, str]
    times: list[int]
    values: np.ndarray  # float64, stale markers by their bits
    delta: bool = False


class MemoryStorage:
    """Counts what is read."""

    def __init__(self, series: list[Series]) -> None:
        self._series = series
        self.reads: list[tuple[Selector, int, int]] = []

    async def select(self, selector: Selector, start_ms: int, end_ms: int) -> Samples:
        self.reads.append((selector, start_ms, end_ms))
        labels, times, values, delta, offsets = [], [], [], [], [0]
        for each in self._series:
            if not all(_holds(matcher, each.labels) for matcher in selector):
                continue
            first, last = np.searchsorted(each.times, [start_ms, end_ms], side="right")
            if first < last:
                labels.append(each.labels)
                times.append(np.array(each.times[first:last], np.int64))
                values.append(each.values[first:last])
                delta.append(each.delta)
                offsets.append(offsets[-1] + int(last - first))
        return Samples(
            labels,
            np.array(offsets, np.int64),
            np.concatenate([np.zeros(0, np.int64), *times]),
            np.concatenate([np.zeros(0), *values]),
            np.array(delta, np.bool_),
        )


def _holds(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.type in (MatchType.EQUAL, MatchType.NOT_EQUAL):
        return (value == matcher.value) == (matcher.type is MatchType.EQUAL)
    return bool(re.fullmatch(matcher.value, value, re.DOTALL)) == (matcher.type is MatchType.REGEX)
