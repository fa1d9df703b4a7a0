"""span_count: traces of so many spans, both bounds inclusive; no upper bound if it is 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask


@dataclass(frozen=True)
class SpanCount:
    """Counts spans that came twice twice."""

    least: int
    most: int = 0
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        count = traces.span_count
        return decisions(np.asarray((count >= self.least) & ((count <= self.most) | (self.most == 0))))
