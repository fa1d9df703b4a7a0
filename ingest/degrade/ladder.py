"""How far ingest goes: up a step while it is pressed, down a step when it has been at ease for longer."""

from __future__ import annotations

from dataclasses import dataclass

RISE_SECONDS = 2.0
"""What a step up takes under pressure."""
FALL_SECONDS = 10.0
"""What a step down takes at ease: longer, so that what was shed does not come back as the next wave."""
EASE = 0.75
"""Below this part of its watermark, a source is at ease; in between nothing changes."""


@dataclass(frozen=True, slots=True)
class Shedding:
    """What a level sheds. `threshold`: of spans without an error, by consistent sampling; 0 keeps all."""

    debug_logs: bool = False
    threshold: int = 0
    info_logs: bool = False


def _kept(one_in: int) -> int:
    """The threshold that keeps one of so many."""
    return (1 << 56) - (1 << 56) // one_in


LEVELS = (
    Shedding(),
    Shedding(debug_logs=True),
    Shedding(debug_logs=True, threshold=_kept(2)),
    Shedding(debug_logs=True, threshold=_kept(4)),
    Shedding(debug_logs=True, threshold=_kept(8)),
    Shedding(debug_logs=True, threshold=_kept(16)),
    Shedding(debug_logs=True, threshold=_kept(16), info_logs=True),
)
"""In order. Errors, warnings, logs without a severity, and metrics are never shed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of a source is used, and the watermark above which that is pressure: parts of what there is."""

    used: float
    watermark: float


class Ladder:
    """The level that readings lead to. Not thread-safe."""

    def __init__(self, rise_seconds: float = RISE_SECONDS, fall_seconds: float = FALL_SECONDS) -> None:
        self.level = 0
        self._rise_seconds = rise_seconds
        self._fall_seconds = fall_seconds
        self._pressed_since: float | None = None
        self._eased_since: float | None = None

    def look(self, now: float, readings: list[Reading]) -> int:
        """Take the readings of this moment (monotonic seconds) -> the level."""
        pressed = any(reading.used >= reading.watermark for reading in readings)
        eased = all(reading.used < EASE * reading.watermark for reading in readings)
        self._pressed_since = _since(self._pressed_since, pressed, now)
        self._eased_since = _since(self._eased_since, eased, now)
        if self._pressed_since is not None and now - self._pressed_since >= self._rise_seconds:
            self.level = min(self.level + 1, len(LEVELS) - 1)
            self._pressed_since = now
        if self._eased_since is not None and now - self._eased_since >= self._fall_seconds:
            self.level = max(self.level - 1, 0)
            self._eased_since = now
        return self.level


def _since(before: float | None, holds: bool, now: float) -> float | None:
    """Since when something holds."""
    if not holds:
        return None
    return now if before is None else before
