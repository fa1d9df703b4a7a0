"""Ingest's front: both addresses, every connection, the time limits, the drain."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable

from ingest.exchange import Exchange
from ingest.front.connection import Front
from ingest.front.listener import PROTOCOLS, Listener
from otelhouse.address import Address
from otelhouse.clock import Clock
from otelhouse.config import IngestSettings
from otelhouse.listening import bind, listening_address
from otelhouse.tls import TlsFiles, TlsWatch

SWEEP_SECONDS = 0.25
"""How often time limits are looked at; they are as exact as that."""
_LOOK_SECONDS = 0.01
_FLUSH_SECONDS = 1.0
_NAMES = ("otlp_grpc", "otlp_http")


class Server:
    """Made where ingest starts, so that a port that is taken ends the start; the rest lives on an event loop."""

    def __init__(self, settings: IngestSettings, clock: Clock) -> None:
        """Raises StartupError."""
        self._settings = settings
        self._clock = clock
        self._tls = TlsFiles.of(settings, "ingest")
        self._sockets: list[tuple[socket.socket, bool]] = []
        self._listeners: list[Listener] = []
        with contextlib.ExitStack() as undo:
            for name in _NAMES:
                wanted = listening_address(getattr(settings, name), f"ingest.{name}")
                bound = undo.enter_context(bind(wanted, f"ingest.{name}"))
                self._sockets.append((bound, wanted.is_loopback))
            undo.pop_all()
        self._context = self._renewed_context()
        self._watch: TlsWatch | None = None
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a file, and 1024 is a usual limit

    async def serve(self, application: Callable[[Exchange], Awaitable[None]]) -> dict[str, str]:
        """Begin to answer with it; returns the addresses by their setting. Calls need no key where only we can call."""
        self._front = Front(self._settings, self._clock, application)
        self._sweeping = asyncio.create_task(self._sweep())
        addresses = {}
        for name, (bound, keyless) in zip(_NAMES, self._sockets, strict=True):
            addresses[name] = str(Address(*bound.getsockname()[:2]))
            listener = Listener(bound, self._front, keyless, lambda: self._context)
            listener.start()
            self._listeners.append(listener)
        if self._tls is not None:
            self._watch = TlsWatch(self._tls, self._renew)
            self._watch.start()
        return addresses

    async def drain(self, seconds: float) -> None:
        """Take no more connections, tell clients to leave those there are; calls under way have this long to end."""
        until = self._clock.monotonic() + seconds
        front = self._front
        for listener in self._listeners:
            listener.close()
        for connection in list(front.connections):
            connection.drain()
        while front.under_way and self._clock.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
        until = min(until, self._clock.monotonic() + _FLUSH_SECONDS)
        while front.connections and self._clock.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
        self._sweeping.cancel()
        for connection in list(front.connections):
            connection.abort()

    def close(self) -> None:
        """Let go of the ports, however far the start came."""
        if self._watch is not None:
            self._watch.close()
        for bound, _ in self._sockets:
            bound.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._front.tick()
            for connection in list(self._front.connections):
                connection.sweep(self._front.now)

    def _renewed_context(self) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        context = self._tls.context()
        context.set_alpn_protocols(PROTOCOLS)
        return context

    def _renew(self) -> None:
        self._context = self._renewed_context()
