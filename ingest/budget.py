"""How many bytes of clients' data are held in memory, over all signals and protocols."""

from __future__ import annotations

from ingest import metrics
from ingest.answer import unavailable


class Budget:
    """Bytes taken and given back; used by the event loop's thread only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        metrics.in_flight_bytes.set_function(lambda: self._taken)  # asked for now and then, changed by every call

    @property
    def share(self) -> float:
        """Part of the limit that is taken; from any thread."""
        return self._taken / self._limit

    def take(self, size: int) -> None:
        """Raises Refused (UNAVAILABLE) when full; one that is alone is always let in."""
        if self._taken and self._taken + size > self._limit:
            raise unavailable("too much data is in flight")
        self._taken += size

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self._taken -= size
