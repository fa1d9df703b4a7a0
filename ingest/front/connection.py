"""What connections of both versions of HTTP share: the transport, when it is paused, how long it may last."""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

from ingest.exchange import Exchange
from otelhouse.clock import Clock
from otelhouse.config import IngestSettings
from otelhouse.telemetry import get_logger

UNREAD_BYTES = 32 << 20
"""Bodies that nobody has asked for yet, over all connections; a call that brings more is refused."""
WRITE_BYTES = 256 << 10
"""Answers that a client does not take; from there on nothing more of it is read."""
MAX_HEADERS = 100
"""Of a request, whichever version of HTTP brings them."""
_WRITE = 1
"""Why nothing is read: the client does not take its answers. Each version has reasons of its own beside it."""
_AGE_SPREAD = 0.1
"""Part by which ages differ, so that clients that came together do not all come back together."""

_log = get_logger(__name__)


@dataclass(eq=False)
class Front:
    """What all connections share. `now`: seconds as of the last sweep, near enough for time limits."""

    settings: IngestSettings
    clock: Clock
    application: Callable[[Exchange], Awaitable[None]]
    under_way: int = 0
    unread: int = 0
    connections: set[Connection] = field(default_factory=set)
    now: float = 0.0
    date: bytes = b""

    def __post_init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Look at the clock."""
        self.now = self.clock.monotonic()
        self.date = formatdate(self.clock.now_ns() // 1_000_000_000, usegmt=True).encode()

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request. Raises nothing."""
        self.under_way += 1
        try:
            await self.application(exchange)
        except Exception:  # noqa: BLE001 - a fault of ours ends one call, not the connection
            _log.exception("a request failed", path=exchange.path)
            exchange.cut(500, ())
        finally:
            self.under_way -= 1


class Connection(asyncio.Protocol):
    """One connection. Lives on one event loop."""

    def __init__(self, front: Front, transport: asyncio.Transport, keyless: bool, sans: Sequence[str]) -> None:
        self.front = front
        self.loop = asyncio.get_running_loop()
        self.keyless = keyless
        self.sans = sans
        self.closing = False
        self.active = front.now
        """When something last came or went."""
        self._transport = transport
        self._held = 0
        self._lingers = False
        self._dies = float("inf")
        self._ages = float("inf")
        if age := front.settings.max_connection_age_seconds:
            self._ages = front.now + age * random.uniform(1 - _AGE_SPREAD, 1 + _AGE_SPREAD)
        transport.set_write_buffer_limits(WRITE_BYTES)
        front.connections.add(self)

    @abstractmethod
    def retire(self) -> None:
        """Ask the client to go on with another connection; close when that loses no call."""

    @abstractmethod
    def drain(self) -> None:
        """Take no new calls; close when those under way are answered."""

    @abstractmethod
    def overdue(self, now: float) -> None:
        """Do what is due: end calls whose time is over, close if nothing comes."""

    @abstractmethod
    def lost(self) -> None:
        """The connection has ended."""

    def sweep(self, now: float) -> None:
        """Called a few times a second."""
        if now > self._dies:
            self.abort()
        elif now > self._ages:
            self._ages = float("inf")
            self._dies = now + self.front.settings.max_connection_age_grace_seconds
            self.retire()
        else:
            self.overdue(now)

    def write(self, data: bytes) -> None:
        """Send it, or keep it until the client takes it."""
        if not self.closing:
            self._transport.write(data)

    def close(self) -> None:
        """End it, once all that was written is sent; a client that does not take it has a few seconds."""
        if not self.closing or self._lingers:
            self._lingers = False
            self._end_soon()
            self._transport.close()

    def linger(self) -> None:
        """End it likewise, but throw away what still comes until the client has seen the answer and closes.

        Closed at once, what is on its way would reset the connection, and take the answer along (RFC 9112, 9.6). TLS
        cannot close one direction alone.
        """
        if not self._transport.can_write_eof():
            self.close()
        elif not self.closing:
            self._lingers = True
            self._end_soon()
            self._transport.write_eof()

    def _end_soon(self) -> None:
        self.closing = True
        self._dies = min(self._dies, self.front.now + self.front.settings.header_timeout_seconds)

    def abort(self) -> None:
        """End it at once."""
        self.closing = True
        self._transport.abort()

    def hold(self, reason: int) -> None:
        """Read nothing more until all reasons (one bit each) are gone."""
        if not self._held and not self._transport.is_closing():
            self._transport.pause_reading()
        self._held |= reason

    def release(self, reason: int) -> None:
        """A reason is gone."""
        if self._held and not self._held & ~reason and not self._transport.is_closing():
            self._transport.resume_reading()
        self._held &= ~reason

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self.hold(_WRITE)

    def resume_writing(self) -> None:
        """It does."""
        self.release(_WRITE)

    @abstractmethod
    def half_closed(self) -> bool:
        """The client sends nothing more; whether it is still owed answers."""

    def eof_received(self) -> bool:
        """asyncio says so; true keeps the other direction open, which TLS cannot."""
        return self.half_closed() and self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio says so."""
        self.closing = True
        self.front.connections.discard(self)
        self.lost()
