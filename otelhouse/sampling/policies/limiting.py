"""rate_limiting and bytes_limiting: a token bucket of spans, or of bytes, in the order in which traces are decided.

The bucket is Go's golang.org/x/time/rate: it begins full, fills steadily, and lets a trace through whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decision, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

_NS = 1_000_000_000


class Unit(Enum):
    """What is counted."""

    SPANS = "spans"
    BYTES = "bytes"


@dataclass
class Bucket:
    """Tokens, and when they were counted (nanoseconds; None: never)."""

    tokens: float
    counted_ns: int | None = None


@dataclass(frozen=True)
class Limiting:
    """`rate` a second, `burst` at once; a trace above `burst` never passes."""

    unit: Unit
    rate: float
    burst: int
    threshold: int = ALWAYS
    probability: float = CERTAIN
    bucket: Bucket = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket", Bucket(float(self.burst)))

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        costs = traces.span_count if self.unit is Unit.SPANS else traces.size_bytes
        said = np.full(len(traces), Decision.LIMITED, np.int8)
        for trace in np.flatnonzero(asked).tolist():
            if self._passes(int(costs[trace]), now_ns):
                said[trace] = Decision.SAMPLED
        return said

    def used(self) -> object:
        """The state, as JSON."""
        return [self.bucket.tokens, self.bucket.counted_ns]

    def go_on(self, used: list[Any]) -> None:
        """Take the state from what used() gave."""
        object.__setattr__(self, "bucket", Bucket(*used))

    def _passes(self, cost: int, now_ns: int) -> bool:
        bucket = self.bucket
        passed_ns = max(0, now_ns - bucket.counted_ns) if bucket.counted_ns is not None else 0
        left = min(bucket.tokens + passed_ns / _NS * max(self.rate, 0), float(self.burst)) - cost
        # A debt that is paid back within less than a nanosecond is none.
        owes = left < 0 and (self.rate <= 0 or int(-left / self.rate * _NS) > 0)
        if cost > self.burst or owes:
            return False
        bucket.tokens, bucket.counted_ns = left, now_ns
        return True
