"""Bodies as they arrive: held within the budget, inflated a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ingest.budget import Budget
from ingest.exchange import Exchange
from ingest.expansion import MustWait
from ingest.receivers.content import too_large

INFLATIONS = 2
"""At a time, so that many small bodies cannot become many large ones at once."""
_INLINE_BYTES = 32 << 10
"""Bodies up to this are inflated on the event loop; a thread costs more than that."""


async def read_body(exchange: Exchange, most: int, limit: int, budget: Budget) -> bytes:
    """The body. Raises Refused if it has more than `most` bytes (`limit`: what the client is told), Disconnected.

    Its bytes count as held while it is being read; whoever holds them longer takes them again.
    """
    first = await exchange.read()
    if exchange.complete:
        if len(first) > most:
            raise too_large(limit)
        return first
    chunks = [first]
    size = len(first)
    budget.take(size)
    try:
        while size <= most:
            chunk = await exchange.read()
            budget.take(len(chunk))
            size += len(chunk)
            chunks.append(chunk)
            if size <= most and (exchange.complete or not chunk):
                return b"".join(chunks)
    finally:
        budget.give(size)
    raise too_large(limit)


class Inflating:
    """Runs what inflates a body: at once if it is small, else in a thread, a few at a time."""

    def __init__(self, budget: Budget, ratio: int) -> None:
        """`ratio`: what a body may inflate to for each of its bytes."""
        self.ratio = ratio
        self._budget = budget
        self._places = asyncio.Semaphore(INFLATIONS)

    async def __call__(self, body: bytes, inflate: Callable[[bytes], bytes]) -> bytes:
        """What `inflate` makes of it. Raises Refused."""
        if len(body) <= _INLINE_BYTES:
            with suppress(MustWait):
                return inflate(body)
        self._budget.take(len(body))  # it may wait for a thread, and is held until then
        try:
            async with self._places:
                return await asyncio.to_thread(inflate, body)
        finally:
            self._budget.give(len(body))
