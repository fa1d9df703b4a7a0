"""Where samples come from, as far as the evaluator knows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from otelhouse.promql.selectors import Selector
from otelhouse.promql.settings import Steps
from schema.arrays import F64, I64, Mask


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of the series that a selector selects.

    labels[i] are series i's, with `__name__`, without empty values; its samples stand at offsets[i]:offsets[i+1], times
    (int64 ms) ascending and unique within a series; values float64, stale markers (NaN of bits 0x7FF0000000000002) are
    left in. delta[i]: a series of delta temporality.
    """

    labels: list[dict[str, str]]
    offsets: I64
    times: I64
    values: F64
    delta: Mask


@dataclass(frozen=True, slots=True)
class RecordedSteps:
    """An expression's value at `steps` of those asked for, of which `first` is the first one's place.

    values[i, k] is that of the series with labels[i] at step k, where present[i, k].
    """

    first: int
    steps: Steps
    labels: list[dict[str, str]]
    values: F64
    present: Mask


class Storage(Protocol):
    """Times are in ms since the epoch."""

    async def select(self, selector: Selector, start_ms: int, end_ms: int) -> Samples:
        """Samples with start_ms < time <= end_ms of all series that have any there."""

    async def recorded(self, source: Hashable, steps: Steps) -> RecordedSteps | None:
        """What was recorded of an expression, at the longest run of these steps at which it was; None: nothing."""
