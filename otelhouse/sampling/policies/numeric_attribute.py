"""numeric_attribute: an integer within bounds, both inclusive. As with the peer, any other kind counts as 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.attributes import attribute_decisions
from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import I64, Mask
from schema.wire import Owner, Scan, ValueKind


@dataclass(frozen=True)
class NumericAttribute:
    """Matches least <= value <= most."""

    key: str
    least: int
    most: int
    invert: bool = False
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return attribute_decisions(traces, self.key, self._matches, self.invert)

    def _matches(self, scan: Scan, rows: I64, owner: Owner) -> Mask:
        attributes = scan.attributes
        is_int = attributes["value.kind"][rows] == ValueKind.INT
        values = np.where(is_int, attributes["value.number"][rows], 0)
        return np.asarray((values >= self.least) & (values <= self.most))
