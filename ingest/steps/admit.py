"""May this tenant send more now? Asked as soon as the tenant is known, so that a refusal costs next to nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from ingest.accounts import Accounts
from ingest.answer import Refused
from ingest.limits.limiter import Limited, Limiter, Ticket
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire import count_items

Read = Callable[[], Awaitable[bytes]]
"""The call's body as protobuf. Raises Refused."""


class Admit:
    """(tenant, signal, size) -> a ticket. Every call of a known tenant is counted: here, or by group commit."""

    def __init__(self, limiter: Limiter, accounts: Accounts) -> None:
        self._limiter = limiter
        self._accounts = accounts

    def __call__(self, tenant: Tenant, signal: Signal, size: int) -> Ticket | None:
        """`size`: bytes as the client declares them, 0 if it does not. None where the tenant has no limits.

        A ticket must be left with (`Ticket.leave`). Raises Refused; one that is Limited is for the caller to count, by
        `limited()`.
        """
        try:
            return self._limiter.enter(tenant.id, signal, size)
        except Limited:
            raise
        except Refused as refused:  # the rules are not known yet
            self.refused(tenant, signal, refused, size)
            raise

    async def limited(
        self, tenant: Tenant, signal: Signal, limited: Limited, size: int, read: Read | None = None
    ) -> None:
        """Count a call that a limit refused: by its items, unless a flood makes it too dear to look."""
        items = 0
        if read is not None and limited.countable:
            with suppress(Refused):  # no OTLP, or no place to look at it
                body = await read()
                items, size = max(0, count_items(signal, body)), len(body)
        self._accounts.limited(tenant.id, signal, limited.rule, size, items)

    def refused(self, tenant: Tenant, signal: Signal, refused: Refused, size: int) -> None:
        """Count a call that is refused after it was let in, and before group commit has it."""
        self._accounts.refused(tenant.id, signal, refused.code, size)
