"""May this tenant send more now? Asked as soon as the tenant is known, so that a refusal costs next to nothing."""

from __future__ import annotations

from ingest.accounts import Accounts
from ingest.answer import Refused
from ingest.limits.limiter import Limited, Limiter, Ticket
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire import count_items


class Admit:
    """(tenant, signal, size) -> a ticket. Every call of a known tenant is counted: here, or by group commit."""

    def __init__(self, limiter: Limiter, accounts: Accounts) -> None:
        self._limiter = limiter
        self._accounts = accounts

    def __call__(self, tenant: Tenant, signal: Signal, size: int, body: bytes | None = None) -> Ticket | None:
        """`size`: bytes as the client declares them, 0 if it does not; `body`: protobuf, if it is there already.

        None where the tenant has no limits; a ticket must be left with (`Ticket.leave`). Raises Refused.
        """
        try:
            return self._limiter.enter(tenant.id, signal, size)
        except Limited as limited:
            items = max(0, count_items(signal, body)) if body else 0
            self._accounts.limited(tenant.id, signal, limited.rule, size, items)
            raise
        except Refused as refused:  # the rules are not known yet
            self.refused(tenant, signal, refused, size)
            raise

    def refused(self, tenant: Tenant, signal: Signal, refused: Refused, size: int) -> None:
        """Count a call that is refused after it was let in, and before group commit has it."""
        self._accounts.refused(tenant.id, signal, refused.code, size)
