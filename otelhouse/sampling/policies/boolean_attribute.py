"""boolean_attribute: a value that is true, or that is not. As with the peer, any other kind counts as false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.attributes import attribute_decisions
from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import I64, Mask
from schema.wire import Owner, Scan, ValueKind


@dataclass(frozen=True)
class BooleanAttribute:
    """Matches the value."""

    key: str
    value: bool
    invert: bool = False
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return attribute_decisions(traces, self.key, self._matches, self.invert)

    def _matches(self, scan: Scan, rows: I64, owner: Owner) -> Mask:
        attributes = scan.attributes
        is_true = (attributes["value.kind"][rows] == ValueKind.BOOL) & (attributes["value.number"][rows] != 0)
        return np.asarray(is_true == self.value)
