"""trace_flags: any span whose flags say "sampled" (W3C Trace Context)."""

from __future__ import annotations

from dataclasses import dataclass

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

_SAMPLED = 1


@dataclass(frozen=True)
class TraceFlags:
    """Has nothing to set."""

    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return decisions(traces.any(traces.scan.items["flags"] & _SAMPLED != 0))
