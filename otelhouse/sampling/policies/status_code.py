"""status_code: any span with one of some status codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}


@dataclass(frozen=True)
class StatusCode:
    """Numbers of codes, as in trace.proto."""

    codes: tuple[int, ...]
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return decisions(traces.any(np.isin(traces.status, self.codes)))
