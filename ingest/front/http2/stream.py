"""One request of an HTTP/2 connection, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ingest.exchange import Disconnected, Exchange, Fields
from ingest.front.http2.headers import Request

FIRST_WINDOW = 256 << 10
"""Bytes of a body that may come before it is asked for."""
WINDOW = 1 << 20
"""Bytes that may be on their way once it is."""


class Carrier(Protocol):
    """What a stream needs of its connection."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def taken(self, size: int, stream: int, grant: int) -> None:
        """The application has so many bytes of the stream, which may send `grant` more."""

    def respond(self, stream: Stream, status: int, headers: Fields, body: bytes, trailers: Fields) -> None:
        """Send the stream's answer."""


class Stream(Exchange):
    """`ended`: the client has sent all; `window`: what it may still send; `since`: when it began."""

    __slots__ = (
        "_carrier",
        "_pieces",
        "_waiting",
        "answered",
        "declared",
        "ended",
        "gone",
        "granting",
        "number",
        "received",
        "since",
        "unread",
        "window",
    )

    def __init__(
        self, number: int, request: Request, carrier: Carrier, keyless: bool, sans: Sequence[str], since: float
    ) -> None:
        super().__init__(request.method, request.path, request.headers, keyless, sans)
        self.number = number
        self.since = since
        self.ended = self.gone = self.answered = False
        self.window = FIRST_WINDOW
        self.received = self.unread = 0
        self.declared = request.length
        self.granting = WINDOW - FIRST_WINDOW
        """What the client may send beyond what is read; told with the next window update."""
        self._carrier = carrier
        self._pieces: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None

    @property
    def complete(self) -> bool:
        """Whether all of the body was read."""
        return self.ended and not self._pieces

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for more of the body."""
        return self._waiting is not None

    def feed(self, piece: bytes) -> None:
        """A piece of the body came."""
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

    async def read(self) -> bytes:
        """The next piece. Raises Disconnected."""
        while not self._pieces:
            if self.gone:
                raise Disconnected
            if self.ended:
                return b""
            if self.granting:
                self._grant(0)
            self._waiting = self._carrier.loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if self.gone:
            raise Disconnected
        pieces, self._pieces = self._pieces, []
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.unread -= len(piece)
        self._grant(len(piece))
        return piece

    def answer(self, status: int, headers: Fields, body: bytes = b"", trailers: Fields = ()) -> None:
        """Send the answer."""
        if not self.answered and not self.gone:
            self.answered = True
            if self.method == "HEAD":
                body = b""
            self._carrier.respond(self, status, headers + self.also if self.also else headers, body, trailers)

    def cut(self, status: int, headers: Fields, body: bytes = b"") -> None:
        """Answer now."""
        self.answer(status, headers, body)
        self.leave()

    def discard(self) -> int:
        """Let go of what nobody will read; its bytes."""
        size, self.unread = self.unread, 0
        self._pieces.clear()
        return size

    def _grant(self, size: int) -> None:
        grant = 0
        if not self.ended:
            self.granting += size
            if self.granting >= FIRST_WINDOW:
                grant, self.granting = self.granting, 0
                self.window += grant
        self._carrier.taken(size, self.number, grant)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
