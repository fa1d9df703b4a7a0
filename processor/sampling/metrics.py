"""What tail sampling says of itself on /metrics."""

from __future__ import annotations

import numpy as np
from prometheus_client import Counter, Histogram

from schema.arrays import F64


class Times(Histogram):
    """Of many things at once."""

    def observe_all(self, seconds: F64) -> None:
        """As if each had been observed."""
        self._sum.inc(float(seconds.sum()))
        for bucket, count in enumerate(np.bincount(np.searchsorted(self._upper_bounds, seconds)).tolist()):
            self._buckets[bucket].inc(count)


LATE = Counter("otelhouse_processor_sampling_late_spans", "Spans that came after their trace's verdict.", ("verdict",))
NOT_HELD = Counter(
    "otelhouse_processor_sampling_not_held_spans",
    "Spans stored without a verdict, because to hold each trace's part of their request would cost too much.",
)
DUPLICATES = Counter(
    "otelhouse_processor_sampling_duplicate_spans", "Spans of open traces that came twice, and were dropped once."
)
VOTES = Counter(
    "otelhouse_processor_sampling_votes",
    "Votes of exemplars for traces; late: it was dropped.",
    ("when",),
)
LATE_VOTES = Counter(
    "otelhouse_processor_sampling_late_votes",
    "Dropped traces that a vote came for: kept after all, over the rule's limit, gone from the log, or dropped again.",
    ("outcome",),
)
TRACES = Counter("otelhouse_processor_sampling_traces", "Traces decided.", ("verdict", "early"))
SPANS = Counter("otelhouse_processor_sampling_spans", "Spans of traces decided.", ("verdict",))
POLICY_SECONDS = Counter(
    "otelhouse_processor_sampling_policy_seconds", "Time to evaluate a policy, in seconds.", ("tenant", "policy")
)
POLICY_TRACES = Counter(
    "otelhouse_processor_sampling_policy_traces", "Traces that a policy decided.", ("tenant", "policy", "verdict")
)
WAITED_SECONDS = Times(
    "otelhouse_processor_sampling_waited_seconds",
    "Log time from a trace's first span to its verdict, in seconds.",
    buckets=(0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600),
)
DECIDE_SECONDS = Histogram(
    "otelhouse_processor_sampling_decide_seconds", "Time to evaluate all policies for a window's traces, in seconds."
)
