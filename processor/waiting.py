"""Who waits for something to be stored or looked up, and that nobody does any longer."""

from __future__ import annotations

from typing import Protocol


class Abandoned(Exception):
    """Given up because nobody waits for it."""


class Waiter(Protocol):
    """Whoever waits: a partition's owner."""

    def pause(self, seconds: float) -> bool:
        """Wait so long; true, and at once, when nobody waits any longer."""
