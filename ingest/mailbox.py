"""Work that other threads leave for an event loop; however much of it comes at once, the loop is woken once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Mailbox:
    """`post()` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._woken = False

    def post(self, work: Callable[[], None]) -> None:
        """Have the loop call this, after what was posted before. Nothing happens if the loop is closed."""
        self._waiting.append(work)
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # closed: the drain took too long, and nobody waits any more
                self._loop.call_soon_threadsafe(self._work)

    def _work(self) -> None:
        self._woken = False  # first: what is posted from here on wakes the loop again
        while self._waiting:
            self._waiting.popleft()()
