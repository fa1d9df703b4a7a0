"""What a policy is: a question about each of many traces at once."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from otelhouse.sampling.traces import Traces
from schema.arrays import F64, Mask

Decisions = npt.NDArray[np.int8]
"""int8[traces], a Decision each."""
CERTAIN = 1.0
ALWAYS = 0
"""The threshold of a policy that keeps all it matches."""


class Decision(IntEnum):
    """What a policy says of a trace."""

    NOT_SAMPLED = 0
    SAMPLED = 1
    DROPPED = 2
    ERROR = 3
    LIMITED = 4
    """It matches, but is above a limit: not sampled."""


class Policy(Protocol):
    """`threshold`: of 2^56, below which a trace's randomness is not kept; among policies that keep a trace the one with
    the lowest counts. `probability`: what part of all traces that match is kept, limits aside; an array is by
    trace, of the last evaluation."""

    @property
    def threshold(self) -> int: ...

    @property
    def probability(self) -> float | F64: ...

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """Decide those that are asked for, in their order; what is said of the others means nothing.

        `now_ns`: the time of the decision, which only limits look at.
        """


@runtime_checkable
class Stateful(Protocol):
    """A policy whose verdicts depend on those before."""

    def used(self) -> object:
        """The state, as JSON."""

    def go_on(self, used: list[Any]) -> None:
        """Take the state from what used() gave."""


def decisions(sampled: Mask) -> Decisions:
    """SAMPLED where true, else NOT_SAMPLED."""
    return sampled.astype(np.int8)
