"""latency: traces that took longer than a bound; with an upper bound, that did so at any moment while they came in.

As the peer does: after each span, in the order in which they came, the time from the earliest start to the latest end
so far is compared, in whole milliseconds: above the lower bound, and at most the upper one. A start or end of 0 counts
as not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Latency:
    """Milliseconds; an upper bound of 0 is none."""

    lower_ms: int
    upper_ms: int = 0
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        found = np.zeros(len(traces), np.bool_)
        within_bounds(
            traces.order, traces.starts, traces.times.begins, traces.times.ends, self.lower_ms, self.upper_ms, found,
        )  # fmt: skip
        return decisions(found)


@njit("void(int64[::1], int64[::1], uint64[::1], uint64[::1], int64, int64, bool_[::1])", nogil=True, cache=True)
def within_bounds(order, starts, begins, ends, lower, upper, found):
    """Set `found` for each trace whose duration is within bounds after any of its spans."""
    for trace in range(len(starts) - 1):
        first = last = np.uint64(0)
        for place in range(starts[trace], starts[trace + 1]):
            span = order[place]
            if first == 0 or begins[span] < first:
                first = begins[span]
            if last == 0 or ends[span] > last:
                last = ends[span]
            # The difference wraps around as the peer's does, and is cut towards zero.
            nanoseconds = np.int64(last - first)
            whole = abs(nanoseconds) // _NS_PER_MS
            milliseconds = -whole if nanoseconds < 0 else whole
            if milliseconds > lower and (upper == 0 or milliseconds <= upper):
                found[trace] = True
                break
