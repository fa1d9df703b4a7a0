"""How many bytes of clients' data are held in memory, over all signals and protocols."""

from __future__ import annotations

from ingest import metrics
from ingest.answer import unavailable
from ingest.expansion import working_bytes

TENANT_PART = 0.9
"""What one tenant may hold, so that a backlog of one leaves room for the others."""

LARGE_PART = 0.75
"""What a large body takes at most together with the work on it, unless it is larger: it must get in beside others."""


class Budget:
    """Bytes taken and given back; used by the event loop's thread only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._of_tenant: dict[str, int] = {}
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

    def take_for(self, tenant: str, size: int) -> int:
        """The same for data that is known to be a tenant's. Raises Refused (UNAVAILABLE) when its part is full too.

        Returns what was taken beside it for work on it, to be given back with `give` when that is done.
        """
        held = self._of_tenant.get(tenant, 0)
        if held and held + size > self._limit * TENANT_PART:
            raise unavailable("too much data of this tenant is in flight")
        working = max(0, min(working_bytes(size), int(self._limit * LARGE_PART) - size))
        self.take(size + working)
        self._of_tenant[tenant] = held + size
        return working

    def give_for(self, tenant: str, size: int) -> None:
        """Give back what was taken for a tenant."""
        self.give(size)
        left = self._of_tenant[tenant] - size
        if left:
            self._of_tenant[tenant] = left
        else:
            del self._of_tenant[tenant]

    def give(self, size: int) -> None:
        """Give back what was taken."""
        self._taken -= size
