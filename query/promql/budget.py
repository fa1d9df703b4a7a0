"""What one query may take, and what it has taken so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from otelhouse.clock import Clock
from query.errors import LimitExceeded


class TimedOut(LimitExceeded):
    """The query took longer than it may."""


@dataclass(slots=True)
class Budget:
    """`deadline`: by the clock's monotonic seconds. Selectors of one query share it, on threads of their own or not."""

    clock: Clock
    deadline: float
    most_series: int
    most_samples: int
    series: int = field(default=0, init=False)
    samples: int = field(default=0, init=False)

    @property
    def samples_left(self) -> int:
        return self.most_samples - self.samples

    def seconds_left(self) -> float:
        """Raises TimedOut if there are none."""
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            raise TimedOut("query timed out")
        return left

    def take_series(self, series: int) -> None:
        """Raises LimitExceeded."""
        self.series += series
        if self.series > self.most_series:
            raise LimitExceeded(
                f"the query selects more than {self.most_series} series: add matchers to its selectors, "
                "or record what is asked often"
            )

    def take_samples(self, samples: int) -> None:
        """Raises LimitExceeded."""
        self.samples += samples
        if self.samples > self.most_samples:
            raise self._too_many(f"more than {self.most_samples}")

    def refuse_samples(self, samples: int) -> None:
        """Raises LimitExceeded if so many more are too many; takes nothing."""
        if samples > self.samples_left:
            raise self._too_many(str(samples))

    def _too_many(self, found: str) -> LimitExceeded:
        return LimitExceeded(
            f"the query would load {found} samples into memory, and may load {self.most_samples}: "
            "shorten its range of time or its range selectors, or add matchers"
        )
