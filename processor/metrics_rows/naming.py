"""What rules say of how a batch's series are named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from processor.batch import Batch
from schema.arrays import I32, I64, U64
from schema.prometheus_name import Strategy

_CODES = {strategy: code for code, strategy in enumerate(Strategy)}


@dataclass(frozen=True, slots=True)
class Naming:
    """`left_out` by point: an attribute (row of the table) that becomes no label, or -1. `strategies` by the batch's
    tenants: how their names are translated."""

    left_out: I64
    strategies: tuple[Strategy, ...]

    def of_call(self, batch: Batch, call: int) -> Strategy:
        """Of what a call brought."""
        return self.strategies[int(batch.tenant[call])]

    def codes(self, batch: Batch, calls: I32) -> U64:
        """A number for the strategy of each of these calls: names by another one are other names."""
        codes = np.array([_CODES[strategy] for strategy in self.strategies] or [0], np.uint64)
        return codes[batch.tenant[calls]]
