"""Takes connections: how many there may be, TLS, and which version of HTTP each speaks."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, cast

from ingest.front.connection import Connection, Front
from ingest.front.http1 import Http1Connection
from ingest.front.http2.connection import Http2Connection
from ingest.front.http2.frames import PREFACE
from otelhouse.telemetry import get_logger

PROTOCOLS = ["h2", "http/1.1"]
"""Told to clients of TLS (ALPN), the better one first."""
_AT_ONCE = 64
"""Connections taken before others get their turn."""
_PAUSE_SECONDS = 0.1
"""When the system has no more files for us."""
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = get_logger(__name__)


class _Unknown(Connection):
    """A client without TLS that has not said yet which version it speaks."""

    _said = b""

    def data_received(self, data: bytes) -> None:
        """Its first bytes tell."""
        self._said += data
        if len(self._said) < len(PREFACE) and PREFACE.startswith(self._said):
            return
        version = Http2Connection if self._said.startswith(PREFACE) else Http1Connection
        self.front.connections.discard(self)
        known = version(self.front, self._transport, self.keyless, self.sans)
        self._transport.set_protocol(known)
        known.data_received(self._said)

    def retire(self) -> None:
        """It has asked for nothing."""
        self.close()

    def drain(self) -> None:
        """It has asked for nothing."""
        self.close()

    def overdue(self, now: float) -> None:
        """It does not go on."""
        settings = self.front.settings
        patience = settings.header_timeout_seconds if self._said else settings.idle_timeout_seconds
        if now - self.active > patience:
            self.close()

    def half_closed(self) -> bool:
        """It has asked for nothing."""
        return False

    def lost(self) -> None:
        """It has gone again."""


class _Arrival(asyncio.Protocol):
    """A connection, until it is known what it speaks: with TLS that was agreed on already."""

    def __init__(self, front: Front, keyless: bool) -> None:
        self._front = front
        self._keyless = keyless

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio says so, after the handshake."""
        transport = cast(asyncio.Transport, transport)  # what TCP and TLS have
        kind: type[Connection] = _Unknown
        sans: tuple[str, ...] = ()
        session = transport.get_extra_info("ssl_object")
        if session is not None:
            kind = Http2Connection if session.selected_alpn_protocol() == "h2" else Http1Connection
            sans = _names(transport.get_extra_info("peercert") or {})
        transport.set_protocol(kind(self._front, transport, self._keyless, sans))


class Listener:
    """One address. `context`: makes the TLS of connections from here on; None: there is none."""

    def __init__(self, bound: socket.socket, front: Front, keyless: bool, context: Callable[[], ssl.SSLContext | None]):
        self._socket = bound
        self._front = front
        self._keyless = keyless
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._greeting: set[asyncio.Task[None]] = set()
        bound.setblocking(False)

    def start(self) -> None:
        """Begin to take connections."""
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Take no more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                made, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                _log.warning("no connection can be taken", error=str(error))
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(_PAUSE_SECONDS, self._resume)
                return
            if len(self._front.connections) + len(self._greeting) >= self._front.settings.max_connections:
                made.close()
                continue
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            greeting = self._loop.create_task(self._greet(made))
            self._greeting.add(greeting)
            greeting.add_done_callback(self._greeting.discard)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self.start()

    async def _greet(self, made: socket.socket) -> None:
        context = self._context()
        patience = self._front.settings.header_timeout_seconds if context is not None else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: _Arrival(self._front, self._keyless), made, ssl=context, ssl_handshake_timeout=patience
            )
        except (OSError, ssl.SSLError):  # it went away, or does not speak TLS with us
            made.close()


def _names(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Subject alternative names of a verified certificate, as `URI:...` and `DNS:...`."""
    return tuple(f"{kind}:{name}" for kind, name in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI"))
