"""An exchange whose body comes in pieces, and waits here until it is asked for; both versions of HTTP have it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence

from ingest.exchange import Disconnected, Exchange, Headers


class Incoming(Exchange):
    """`ended`: the client has sent all; `gone`: nobody is there to be answered; `since`: when it began.

    `received`: bytes of the body that came; `unread`: of these, what waits here.
    """

    __slots__ = ("_loop", "_pieces", "_waiting", "answered", "ended", "gone", "received", "since", "unread")

    def __init__(
        self,
        method: str,
        path: str,
        headers: Headers,
        keyless: bool,
        sans: Sequence[str],
        loop: asyncio.AbstractEventLoop,
        since: float,
    ) -> None:
        super().__init__(method, path, headers, keyless, sans)
        self.since = since
        self.ended = self.gone = self.answered = False
        self.received = self.unread = 0
        self._loop = loop
        self._pieces: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None

    @abstractmethod
    def asked(self) -> None:
        """Somebody is about to wait for more of the body."""

    @abstractmethod
    def taken(self, size: int) -> None:
        """The application has so many bytes more of it."""

    @property
    def complete(self) -> bool:
        """Whether all of the body was read."""
        return self.ended and not self._pieces

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for more of the body."""
        return self._waiting is not None

    def keep(self, piece: bytes) -> None:
        """A piece of the body came, and shall be read."""
        self._pieces.append(piece)
        self.unread += len(piece)
        self._wake()

    def end(self) -> None:
        """The body is complete."""
        self.ended = True
        self._wake()

    def leave(self) -> None:
        """Nobody is there any more to be answered, or to send the rest."""
        self.gone = True
        self._wake()

    def discard(self) -> int:
        """Let go of what nobody will read; its bytes."""
        size, self.unread = self.unread, 0
        self._pieces.clear()
        return size

    async def read(self) -> bytes:
        """The next piece. Raises Disconnected."""
        while not self._pieces:
            if self.gone:
                raise Disconnected
            if self.ended:
                return b""
            self.asked()
            self._waiting = self._loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self.gone:
            raise Disconnected
        pieces, self._pieces = self._pieces, []
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.unread -= len(piece)
        self.taken(len(piece))
        return piece

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
