"""always_sample: every trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask


@dataclass(frozen=True)
class AlwaysSample:
    """Has nothing to set."""

    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return decisions(np.ones(len(traces), np.bool_))
