"""Verdicts, as /metrics counts them."""

from __future__ import annotations

import numpy as np

from processor.sampling import metrics
from processor.sampling.due import EARLY
from processor.sampling.known import FIRST_MS
from processor.sampling.verdict_rows import Decided


def count(decided: Decided, now_ms: int) -> None:
    """Of traces that had waited; `now_ms`: log time of the verdicts."""
    for named, seconds in zip(decided.verdicts.policies, decided.verdicts.seconds.tolist(), strict=True):
        metrics.POLICY_SECONDS.labels(decided.tenant, named.name).inc(seconds)
    kept, policy = decided.verdicts.sampled, decided.verdicts.policy
    for verdict, chosen in (("kept", kept), ("dropped", ~kept)):
        metrics.SPANS.labels(verdict).inc(int(decided.spans[chosen].sum()))
        for number, traces in enumerate(np.bincount(decided.early[chosen], minlength=len(EARLY)).tolist()):
            metrics.TRACES.labels(verdict, EARLY[number]).inc(traces)
        for place in np.unique(policy[chosen]).tolist():
            name = decided.verdicts.policies[place].name if place >= 0 else ""
            number = int(np.count_nonzero(chosen & (policy == place)))
            metrics.POLICY_TRACES.labels(decided.tenant, name, verdict).inc(number)
    metrics.WAITED_SECONDS.observe_all((now_ms - decided.state[:, FIRST_MS]) / 1000)
