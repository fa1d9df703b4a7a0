"""What was measured of spans is kept by ten seconds of their start, and durations by bucket: how to read both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from query.plan.tree import Alias, Column, call
from query.source import Range
from schema.durations import BUCKET_SECONDS, middle

_STEP = BUCKET_SECONDS * 1_000_000_000


class Steps(NamedTuple):
    """The tens of seconds that a range touches, by their beginnings, and how many seconds of them have passed."""

    range: Range
    seconds: float

    @property
    def instants(self) -> Range:
        """From the first of their nanoseconds to the last."""
        return Range(self.range.start, self.range.end + _STEP - 1)


def steps(range: Range, now: int) -> Steps:
    """Of a range, at a time in nanoseconds. A range that ends where ten seconds begin does not touch these."""
    first = range.start // _STEP
    last = max(first, -(-range.end // _STEP) - 1)
    end = min((last + 1) * _STEP, max(now, range.end))
    return Steps(Range(first * _STEP, last * _STEP), max(1, end - first * _STEP) / 1e9)


def merged(name: str, prefix: str = "") -> Alias:
    """The histograms of a group's rows as one: (buckets, counts)."""
    return Alias(call("sumMap", Column(f"{prefix}buckets"), Column(f"{prefix}counts")), name)


def percentile(share: float, buckets: Sequence[int], counts: Sequence[float]) -> float | None:
    """The duration, in nanoseconds, that this share of all took at most: within 2.2 %. None of nothing."""
    wanted, passed = share * sum(counts), 0.0
    for bucket, count in zip(buckets, counts, strict=True):
        passed += count
        if passed >= wanted:
            return middle(bucket)
    return middle(buckets[-1]) if buckets else None
