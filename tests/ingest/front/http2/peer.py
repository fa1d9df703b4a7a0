"""A connection under test without sockets: what a client sends goes in, frames come out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder

from ingest.exchange import Disconnected, Exchange
from ingest.front.connection import Front
from ingest.front.http2 import frames
from ingest.front.http2.connection import Http2Connection
from otelhouse.clock import ManualClock
from otelhouse.config import IngestSettings

REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "h")]
Frame = tuple[int, int, int, bytes]
"""Kind, flags, stream, payload."""


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.paused = False

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def echo(exchange: Exchange) -> None:
    """Answer with the body, to those who are there."""
    body = b""
    try:
        while piece := await exchange.read():
            body += piece
    except Disconnected:
        return
    exchange.answer(200, ((b"x", b"y"),), body, ((b"end", b"1"),))


@dataclass
class Peer:
    """A client's side. `sent()` after `settle()`: the frames since the last look."""

    application: Callable[[Exchange], Awaitable[None]] = echo
    settings: dict[str, Any] = field(default_factory=dict)
    greeting: bytes = frames.PREFACE + frames.settings({})

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.front = Front(IngestSettings(**self.settings), self.clock, self.application)
        self.transport = Transport()
        self.connection = Http2Connection(self.front, self.transport, True, ())  # type: ignore[arg-type]  # a double
        self.encoder, self.decoder = Encoder(), Decoder()
        self._read = 0
        self.send(self.greeting)

    def send(self, *data: bytes) -> None:
        self.connection.data_received(b"".join(data))

    def headers(self, stream: int, *more: tuple[str, str], end: bool = False) -> bytes:
        """A HEADERS frame of a POST."""
        block = self.encoder.encode([*REQUEST, *more])
        return frames.frame(frames.HEADERS, frames.END_HEADERS | end * frames.END_STREAM, stream, block)

    async def settle(self) -> list[Frame]:
        """Let the connection work; the frames that it sent since the last time."""
        for _ in range(10):
            await asyncio.sleep(0)
        found, data = [], self.transport.written
        while self._read < len(data):
            size = int.from_bytes(data[self._read : self._read + 3], "big")
            kind, flags = data[self._read + 3], data[self._read + 4]
            stream = int.from_bytes(data[self._read + 5 : self._read + 9], "big")
            found.append((kind, flags, stream, data[self._read + 9 : self._read + 9 + size]))
            self._read += 9 + size
        return found

    async def error(self) -> int | None:
        """The error code of the GOAWAY that ended the connection; None if it goes on."""
        ends = [payload for kind, _, _, payload in await self.settle() if kind == frames.GOAWAY]
        assert self.transport.closed == bool(ends)
        return int.from_bytes(ends[-1][4:8], "big") if ends else None

    def pass_time(self, seconds: float) -> None:
        """And look at what is due."""
        self.clock.advance(seconds)
        self.front.tick()
        self.connection.sweep(self.front.now)


def data(stream: int, payload: bytes, end: bool = False) -> bytes:
    """A DATA frame."""
    return frames.frame(frames.DATA, end * frames.END_STREAM, stream, payload)
