"""ottl_condition: any span, or event of one, for which one of some OTTL conditions is true.

A condition that fails for a row (a sum of texts, say) is an error of the policy for the trace if `error_mode` is
propagate, unless an earlier span was a match; otherwise it is passed over for that row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.ottl.compile import Ask
from otelhouse.sampling.ottl.rows import Rows
from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decision, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import I64, Mask


@dataclass(frozen=True)
class OttlCondition:
    """`propagate`: whether a failure is an error of the policy."""

    of_spans: tuple[Ask, ...]
    of_events: tuple[Ask, ...]
    propagate: bool
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        scan = traces.scan
        count = len(scan.items)
        said = self._said(self.of_spans, Rows(scan, np.arange(count)), count)
        if self.of_events and len(scan.events):
            span = scan.events.parent.astype(np.int64)
            by_event = self._said(self.of_events, Rows(scan, span, np.arange(len(span))), len(span))
            said = np.where(said == Decision.NOT_SAMPLED, _first(by_event, span, count), said)
        return _first(said[traces.order], traces.of_span[traces.order], len(traces))

    def _said(self, conditions: Sequence[Ask], rows: Rows, count: int) -> Decisions:
        said = np.zeros(count, np.int8)
        for ask in conditions:
            answer = ask(rows)
            failed = np.broadcast_to(answer.failed, count)
            left = said == Decision.NOT_SAMPLED
            said[left & np.broadcast_to(answer.true, count) & ~failed] = Decision.SAMPLED
            if self.propagate:
                said[left & failed] = Decision.ERROR
        return said


def _first(said: Decisions, owner: I64, owners: int) -> Decisions:
    """int8[owners]: the first of each owner's that says anything; `owner` ascends."""
    found = np.zeros(owners, np.int8)
    rows = np.flatnonzero(said)[::-1]
    found[owner[rows]] = said[rows]  # of several the last that is written stays: the first
    return found
