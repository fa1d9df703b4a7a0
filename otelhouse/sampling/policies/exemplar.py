"""exemplar: traces that an exemplar of a metric points to. Ours: the peer does not know of exemplars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

LATE_BYTES = 128 << 20


@dataclass
class Spent:
    """Bytes of the log that were read again, in a minute of log time."""

    minute: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Exemplar:
    """`late_bytes`: how much of the log may be read again in a minute, for traces that were dropped before the vote."""

    late_bytes: int = LATE_BYTES
    threshold: int = ALWAYS
    probability: float = CERTAIN
    spent: Spent = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spent", Spent())

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return decisions(traces.voted)

    def left(self, minute: int) -> int:
        """Bytes that may still be read again in a minute."""
        return max(0, self.late_bytes - (self.spent.bytes if self.spent.minute == minute else 0))

    def spend(self, minute: int, size: int) -> None:
        """Note that bytes were read again."""
        if self.spent.minute != minute:
            object.__setattr__(self, "spent", Spent(minute))
        self.spent.bytes += size

    def used(self) -> object:
        """The state, as JSON."""
        return [self.spent.minute, self.spent.bytes]

    def go_on(self, used: list[Any]) -> None:
        """Take the state from what used() gave."""
        object.__setattr__(self, "spent", Spent(*used))
