"""The verdict on each trace from what all policies say of it.

As the peer does: drop policies are asked first, and one that drops decides. Else any policy that samples does; of
several, the one with the lowest threshold is named, and of those the first. A policy that fails says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.config import Named, TailSampling
from otelhouse.sampling.policy import Decision
from otelhouse.sampling.traces import Traces
from schema.arrays import F64, I64, Mask


@dataclass(frozen=True)
class Verdicts:
    """By trace: whether it is kept, and the place in `policies` of what decided (-1: none did).

    `failed`: whether a policy failed on it; `too_large`: whether it was dropped for its size alone. `rate`: the part of
    such traces that is kept, 0 for those that are not; `estimated`: whether that is this decision's share of those that
    a limit let through, and no constant. `seconds`: what each policy took.
    """

    policies: tuple[Named, ...]
    sampled: Mask
    policy: I64
    failed: Mask
    too_large: Mask
    rate: F64
    estimated: Mask
    seconds: F64

    def named(self, trace: int) -> Named | None:
        """What decided."""
        place = int(self.policy[trace])
        return self.policies[place] if place >= 0 else None

    def part(self, traces: I64) -> Verdicts:
        """Those on some traces."""
        return Verdicts(
            self.policies, self.sampled[traces], self.policy[traces], self.failed[traces], self.too_large[traces],
            self.rate[traces], self.estimated[traces], self.seconds,
        )  # fmt: skip

    def reasons(self) -> tuple[list[str], I64]:
        """Why, in words: (texts, int64[traces] the place of each trace's)."""
        texts = [
            "no policy sampled it",
            "no policy sampled it, and one or more failed",
            "the trace is larger than maximum_trace_size_bytes",
            *(
                f"{'dropped' if named.type == 'drop' else 'sampled'} by a policy of type {named.type}"
                for named in self.policies
            ),
        ]
        place = np.where(self.policy >= 0, self.policy + 3, self.failed.astype(np.int64))
        return texts, np.where(self.too_large, 2, place)


def decide(sampling: TailSampling, traces: Traces, now_ns: int = 0) -> Verdicts:
    """Decide all traces at once; policies with limits take them in their order."""
    count = len(traces)
    policy = np.full(count, -1, np.int64)
    failed = np.zeros(count, np.bool_)
    too_large = np.zeros(count, np.bool_)
    if sampling.max_trace_bytes:
        too_large = np.asarray(traces.size_bytes > sampling.max_trace_bytes)
    left = ~too_large
    sampled = np.zeros(count, np.bool_)
    threshold = np.full(count, 1 << 62, np.int64)
    rate, estimated = np.zeros(count), np.zeros(count, np.bool_)
    seconds = np.zeros(len(sampling.policies))
    for place, named in _in_order(sampling.policies):
        asked = left & ~sampled if sampling.first_match else left
        began = time.perf_counter()
        said = named.policy.evaluate(traces, asked, now_ns)
        seconds[place] = time.perf_counter() - began
        failed |= asked & (said == Decision.ERROR)
        dropped = asked & (said == Decision.DROPPED)
        policy[dropped] = place
        left = left & ~dropped
        kept = asked & (said == Decision.SAMPLED)
        sampled |= kept
        better = kept & (threshold > named.policy.threshold)
        policy[better] = place
        threshold[better] = named.policy.threshold
        limited = np.count_nonzero(asked & (said == Decision.LIMITED))
        passed = np.count_nonzero(kept)
        share = np.broadcast_to(named.policy.probability * (passed / (passed + limited) if passed else 1.0), count)
        higher = kept & (share > rate)
        rate[higher], estimated[higher] = share[higher], limited > 0
    return Verdicts(sampling.policies, sampled, policy, failed, too_large, rate, estimated, seconds)


def _in_order(policies: tuple[Named, ...]) -> Iterator[tuple[int, Named]]:
    """Drop policies first."""
    for drop in (True, False):
        for place, named in enumerate(policies):
            if (named.type == "drop") == drop:
                yield place, named
