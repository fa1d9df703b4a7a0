"""A request's body, decompressed as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from otelhouse.clickhouse_server.compression import Decoder

_PIECE = 1 << 20
# A client that is still sending reads our error only after it has sent all; beyond this it finds the connection closed.
_DRAINED_BYTES, _DRAIN_SECONDS = 256 << 20, 10


class Body:
    """Read once, front to back. Every method raises ClientDisconnect if the client goes before its body is complete."""

    def __init__(self, receive: Receive, content_encoding: str) -> None:
        self._receive = receive
        self._decoder = Decoder(content_encoding)
        self.complete = False

    async def read(self, size: int = _PIECE) -> bytes:
        """The next `size` bytes or somewhat more; less if the body ends. Raises ServerError if they are damaged."""
        parts: list[bytes] = []
        length = 0
        while length < size and not self.complete:
            plain = self._decoder.decode(await self._next())
            parts.append(plain)
            length += len(plain)
            if self.complete:
                self._decoder.finish()
        return b"".join(parts)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The rest, in pieces of about a mebibyte."""
        while not self.complete:
            yield await self.read()

    async def drain(self) -> None:
        """Read what is still to come and forget it."""
        length = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while length < _DRAINED_BYTES and not self.complete:
                    length += len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.complete = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data
