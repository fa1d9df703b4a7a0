"""When a query is evaluated, and within what limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schema.arrays import I64


@dataclass(frozen=True, slots=True)
class Steps:
    """Times of evaluation, in ms since the epoch: start, start + step, ... up to the end. An instant query has one."""

    start_ms: int
    end_ms: int
    step_ms: int
    instant: bool = False

    @classmethod
    def at(cls, time_ms: int) -> Steps:
        """An instant query's."""
        return cls(time_ms, time_ms, 1, instant=True)

    @property
    def count(self) -> int:
        """How many there are; none if the end lies before the start."""
        return max(0, (self.end_ms - self.start_ms) // self.step_ms + 1)

    @property
    def times(self) -> I64:
        """int64[count], in ms."""
        return self.start_ms + np.arange(self.count, dtype=np.int64) * self.step_ms

    @property
    def first(self) -> Steps:
        """The first alone."""
        return Steps(self.start_ms, self.start_ms, self.step_ms, self.instant)

    def part(self, first: int, end: int) -> Steps:
        """Those from the `first` up to the one before `end`."""
        return Steps(
            self.start_ms + first * self.step_ms, self.start_ms + (end - 1) * self.step_ms, self.step_ms, self.instant
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What evaluation may take, and what Prometheus has flags for."""

    lookback_ms: int = 300_000
    default_step_ms: int = 60_000  # of a sub-query that names none
    max_steps: int = 11_000
    max_samples: int = 50_000_000  # read by one query
    max_series: int = 500_000  # of one selector
    max_cells: int = 50_000_000  # series x steps of one intermediate result
    enable_experimental: bool = False
