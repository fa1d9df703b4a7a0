"""The clock is passed in: nothing below a component's main asks the system for the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Source of time. Implementations never block and never raise."""

    def now_ns(self) -> int:
        """Wall time, nanoseconds since the Unix epoch; may step back."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps back."""


class SystemClock:
    """The machine's own clocks."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class ManualClock:
    """A clock that a test moves by hand."""

    wall_ns: int = 1_700_000_000_000_000_000
    elapsed: float = 0.0

    def now_ns(self) -> int:
        return self.wall_ns

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Move both clocks forward (or, with a negative number, the wall clock alone back)."""
        self.wall_ns += int(seconds * 1e9)
        self.elapsed += max(seconds, 0.0)
