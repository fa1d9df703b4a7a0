"""A tenant in a partition that samples: the rule in force, and how many verdicts it has had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.config import TailSampling
from otelhouse.sampling.decide import Verdicts, decide
from otelhouse.sampling.traces import Traces


@dataclass(slots=True)
class Tenant:
    """A tenant in this partition: the rule in force, with this partition's part of its limits, and the verdicts so far
    (kept, dropped)."""

    name: str
    version: int = 0
    sampling: TailSampling | None = None
    verdicts: tuple[int, int] = (0, 0)

    @property
    def remembered(self) -> tuple[int, int]:
        """After how many more verdicts of its kind one is forgotten, of those kept and of those dropped.

        With the peer, whose memory of traces outlives the verdict, at least `num_traces`.
        """
        rule = self.sampling
        return (
            (max(rule.sampled_cache, rule.num_traces), max(rule.non_sampled_cache, rule.num_traces)) if rule else (0, 0)
        )

    def decide(self, traces: Traces, now_ns: int) -> Verdicts:
        """By the rule; without one, all are kept."""
        if self.sampling is not None:
            return decide(self.sampling, traces, now_ns)
        count = len(traces.ids)
        none = np.zeros(count, np.bool_)
        return Verdicts((), ~none, np.full(count, -1, np.int64), none, none, np.ones(count), none, np.zeros(0))
