"""One request of an HTTP/2 connection, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ingest.exchange import Fields
from ingest.front.http2.headers import Request
from ingest.front.incoming import Incoming

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


class Stream(Incoming):
    """`window`: what the client may still send; `granting`: what it is allowed with the next window update."""

    __slots__ = ("_carrier", "declared", "granting", "number", "window")

    def __init__(
        self, number: int, request: Request, carrier: Carrier, keyless: bool, sans: Sequence[str], since: float
    ) -> None:
        super().__init__(request.method, request.path, request.headers, keyless, sans, carrier.loop, since)
        self.number = number
        self.window = FIRST_WINDOW
        self.granting = WINDOW - FIRST_WINDOW
        self.declared = request.length
        self._carrier = carrier

    def asked(self) -> None:
        """More may come than before anybody asked."""
        if self.granting:
            self.taken(0)

    def taken(self, size: int) -> None:
        """As much may come again."""
        grant = 0
        if not self.ended:
            self.granting += size
            if self.granting >= FIRST_WINDOW:
                grant, self.granting = self.granting, 0
                self.window += grant
        self._carrier.taken(size, self.number, grant)

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
