"""and, not, drop: policies made of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decision, Decisions, Policy
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask


def _all(policies: tuple[Policy, ...], traces: Traces, asked: Mask, now_ns: int, then: Decision) -> Decisions:
    """`then` where each policy samples; each is asked only of the traces that those before it sampled."""
    found = np.full(len(traces), then, np.int8)
    left = asked.copy()
    for policy in policies:
        each = policy.evaluate(traces, left, now_ns)
        for decision in (Decision.NOT_SAMPLED, Decision.ERROR, Decision.LIMITED):
            said = left & (each == decision)
            found[said] = decision
            left &= ~said
    return found


@dataclass(frozen=True)
class And:
    """Samples what all of them sample."""

    policies: tuple[Policy, ...]

    @property
    def threshold(self) -> int:
        """The strictest."""
        return max((policy.threshold for policy in self.policies), default=ALWAYS)

    @property
    def probability(self) -> float:
        """The least: probabilistic policies look at the same randomness."""
        return min((float(policy.probability) for policy in self.policies), default=CERTAIN)

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return _all(self.policies, traces, asked, now_ns, Decision.SAMPLED)


@dataclass(frozen=True)
class Drop:
    """Drops what all of them sample, whatever other policies say."""

    policies: tuple[Policy, ...]
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return _all(self.policies, traces, asked, now_ns, Decision.DROPPED)


@dataclass(frozen=True)
class Not:
    """Samples what the other does not; its errors stay errors."""

    policy: Policy
    threshold: int = ALWAYS

    @property
    def probability(self) -> float:
        """What the other leaves."""
        other = float(self.policy.probability)
        return 1 - other if other < CERTAIN else CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        each = self.policy.evaluate(traces, asked, now_ns)
        sampled = (each == Decision.NOT_SAMPLED) | (each == Decision.LIMITED)
        return np.where(each == Decision.ERROR, each, sampled).astype(np.int8)
