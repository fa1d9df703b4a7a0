"""composite: policies in order, each with its share of the spans a second. The first that samples a trace decides it.

As the peer does: spans are counted in whole seconds; a trace that would bring its policy above its share (or above the
whole) is not sampled and not counted, so that a smaller one may still be. `policy_order` has no effect there, and
none here: the order is that of the sub-policies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decision, Decisions, Policy
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

_NS = 1_000_000_000


@dataclass(frozen=True)
class SubPolicy:
    """A policy and its spans a second."""

    name: str
    policy: Policy
    spans: int


@dataclass
class Second:
    """Spans that each policy has sampled in the second `number`."""

    number: int
    spans: list[int]


@dataclass(frozen=True)
class Composite:
    """`most`: spans a second in all."""

    subs: tuple[SubPolicy, ...]
    most: int
    threshold: int = ALWAYS
    probability: float = CERTAIN
    second: Second = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "second", Second(0, [0] * len(self.subs)))

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        if now_ns // _NS != self.second.number:
            self.second.number, self.second.spans = now_ns // _NS, [0] * len(self.subs)
        found = np.zeros(len(traces), np.int8)
        left = asked.copy()
        for place, sub in enumerate(self.subs):
            each = sub.policy.evaluate(traces, left, now_ns)
            found[left & (each == Decision.ERROR)] = Decision.ERROR
            matched = left & (each == Decision.SAMPLED)
            self._take(place, np.flatnonzero(matched), traces, found)
            left &= ~matched & (each != Decision.ERROR)
        return found

    def used(self) -> object:
        """The state, as JSON."""
        return [self.second.number, self.second.spans]

    def go_on(self, used: list[Any]) -> None:
        """Take the state from what used() gave."""
        self.second.number, self.second.spans = used

    def _take(self, place: int, matched: np.ndarray, traces: Traces, found: Decisions) -> None:
        most = min(self.subs[place].spans, self.most)
        for trace in matched.tolist():
            spans = self.second.spans[place] + int(traces.span_count[trace])
            if spans <= most:
                self.second.spans[place] = spans
                found[trace] = Decision.SAMPLED
            else:
                found[trace] = Decision.LIMITED
