"""A request's body, decompressed as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from otelhouse.clickhouse_server.compression import Decoder

_PIECE = 1 << 20


class Body:
    """Read once, front to back: first `head`, then `pieces`."""

    def __init__(self, receive: Receive, content_encoding: str) -> None:
        self._receive = receive
        self._decoder = Decoder(content_encoding)
        self.complete = False

    async def head(self, size: int) -> bytes:
        """The first `size` bytes or somewhat more; less if there are no more."""
        return await self._gather(b"", size)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The rest, in pieces of about a mebibyte."""
        while not self.complete:
            yield await self._gather(b"", _PIECE)

    async def _gather(self, start: bytes, size: int) -> bytes:
        parts, length = [start], len(start)
        while length < size and not self.complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            plain = self._decoder.decode(message.get("body", b""))
            parts.append(plain)
            length += len(plain)
            self.complete = not message.get("more_body", False)
            if self.complete:
                self._decoder.finish()
        return b"".join(parts)
