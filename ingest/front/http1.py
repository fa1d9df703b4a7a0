"""HTTP/1.1 and 1.0 (RFC 9112), parsed by httptools; requests of a connection are answered one after another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import httptools

from ingest.exchange import Fields
from ingest.front.connection import MAX_HEADERS, UNREAD_BYTES, Connection, Front
from ingest.front.incoming import Incoming

UNREAD = 256 << 10
"""Bytes of a body that are taken in before they are asked for."""
_PIPELINED = 8
"""Requests that may wait for the answers to those before them."""
_BODY, _QUEUE, _REST, _BROKEN = 2, 4, 8, 16
"""Why nothing is read, beside the reason that both versions have."""
_LINE_BYTES = 14
"""Of a request's first line and the empty one after its headers, beside method and target; of a header 4."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_CHUNK_END = b"0\r\n"
_OFFER = (b"connection", b"upgrade", b"http2-settings")


class _TooLarge(Exception):
    """The headers are over the limits."""


class Http1Exchange(Incoming):
    """One request. `lasts`: the client leaves the connection open; `chunks`: it can take an answer in chunks."""

    __slots__ = ("_carrier", "_held", "chunks", "declared", "expects", "lasts")

    def __init__(
        self, method: str, path: str, headers: dict[bytes, bytes], version: str, lasts: bool, carrier: Http1Connection
    ) -> None:
        super().__init__(method, path, headers, carrier.keyless, carrier.sans, carrier.loop, carrier.front.now)
        self.chunks = version == "1.1"
        self.lasts = lasts
        self.expects = headers.get(b"expect", b"").lower() == b"100-continue" and self.chunks
        length = headers.get(b"content-length", b"")
        self.declared = int(length) if length.isdigit() else 0
        self._carrier = carrier
        self._held = b""

    def feed(self, piece: bytes) -> None:
        """A piece of the body came."""
        self.received += len(piece)
        if self.gone or self.answered:
            self._bear()
        else:
            self.keep(piece)
            self._carrier.holds(len(piece), self)

    def end(self) -> None:
        """The body is complete."""
        super().end()
        self._bear()

    def leave(self) -> None:
        """Nobody is there any more to be answered, or to send the rest."""
        self._let_go()
        super().leave()

    def asked(self) -> None:
        """A client that asked whether it may send the body is told to."""
        if self.expects:
            self.expects = False
            self._carrier.write(_CONTINUE)

    def taken(self, size: int) -> None:
        """As much may come again."""
        self._carrier.holds(-size, self)

    def answer(self, status: int, headers: Fields, body: bytes = b"", trailers: Fields = ()) -> None:
        """Answer, once the body has come; what nobody read of it is thrown away.

        A client that reads only when it has written all would find its connection reset, and never learn why.
        """
        if self.answered or self.gone:
            return
        self.answered = True
        self._let_go()
        if not self.ended and not self._bearable():
            self.lasts = False
        self._held = self._carrier.encode(self, status, headers + self.also, body, trailers)
        self._bear()

    def cut(self, status: int, headers: Fields, body: bytes = b"") -> None:
        """Answer now, and end the connection unless the body is complete."""
        if not self.answered and not self.gone:
            self.answered = True
            self.lasts &= self.ended
            self._held = self._carrier.encode(self, status, headers + self.also, body, ())
        self.leave()
        self._bear()

    def _bearable(self) -> bool:
        """Whether what is left of the body is little enough to wait for, and the client sends it unasked."""
        most = self._carrier.front.settings.max_request_bytes
        return not self.expects and max(self.declared, self.received) <= most

    def _bear(self) -> None:
        """Send the answer that waits for the body, when it has come or is too much."""
        if self._held and (self.ended or self.gone or not self._bearable()):
            held, self._held = self._held, b""
            self._carrier.respond(self, held)

    def _let_go(self) -> None:
        if size := self.discard():
            self._carrier.holds(-size, self)


class Http1Connection(Connection):
    """The first exchange of the queue is being served; the last may still be coming in."""

    def __init__(self, front: Front, transport: asyncio.Transport, keyless: bool, sans: Sequence[str]) -> None:
        super().__init__(front, transport, keyless, sans)
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Http1Exchange] = deque()
        self._incoming: Http1Exchange | None = None
        self._began: float | None = None  # headers that are not complete
        self._size = 0  # of headers that are not complete
        self._consumed = 0  # of what came last, by requests whose headers are complete
        self._fresh = False  # whether the headers that are not complete began in what came last
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._leaving = False

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.closing:
            return  # refused already
        self.active = self.front.now
        self._consumed, self._fresh = 0, False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            self._refuse(431 if isinstance(error.__context__, _TooLarge) else 400)
            return
        except httptools.HttpParserError:
            self._refuse(400)
            return
        if self._began is not None:
            self._size = len(data) - self._consumed if self._fresh else self._size + len(data)
            if self._size > self.front.settings.max_header_bytes:
                self._refuse(431)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._began, self._fresh = self.active, True
        self._url = b""
        self._fields = []

    def on_url(self, url: bytes) -> None:
        """Its target, or a part of it."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody wants."""
        if self._incoming is None:
            self._fields.append((name.lower(), value))
            if len(self._fields) > MAX_HEADERS:
                raise _TooLarge

    def on_headers_complete(self) -> None:
        """All before the body is there."""
        if self.closing or self._parser.should_upgrade():
            return
        version = self._parser.get_http_version()
        headers: dict[bytes, bytes] = {}
        size = len(self._parser.get_method()) + len(self._url) + _LINE_BYTES
        for name, value in self._fields:
            size += len(name) + len(value) + 4
            headers[name] = headers[name] + b", " + value if name in headers else value
        if size > self.front.settings.max_header_bytes:
            raise _TooLarge
        if version == "1.1" and b"host" not in headers:
            raise ValueError("no host")
        path = unquote_to_bytes(httptools.parse_url(self._url).path or b"/").decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        exchange = Http1Exchange(method, path, headers, version, self._parser.should_keep_alive(), self)
        self._began = None
        self._consumed += size
        self._incoming = exchange
        self._queue.append(exchange)
        if len(self._queue) == 1:
            self.loop.create_task(self.front.serve(exchange))
        elif len(self._queue) > _PIPELINED:
            self.hold(_QUEUE)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._consumed += len(piece)
        if self._incoming is not None:
            self._incoming.feed(piece)

    def on_message_complete(self) -> None:
        """The request is complete."""
        exchange, self._incoming = self._incoming, None
        if exchange is not None:
            exchange.end()
            self._next()

    def _decline(self, rest: bytes) -> None:
        """A client may offer another protocol; who answers in this one declines (RFC 9110, section 7.8).

        The parser takes what follows the headers for that protocol, so they are read again without the offer.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(400)
            return
        lines = [method + b" " + self._url + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self._fields if name not in _OFFER]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self._fields):
            lines.append(b"connection: close")
        self._began = None
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join((*lines, b"", b"")))
        if rest and not self.closing:
            # In a turn of its own: a client may send very many of them at once.
            self.hold(_REST)
            self.loop.call_soon(self._go_on, rest)

    def _go_on(self, rest: bytes) -> None:
        self.release(_REST)
        if not self.closing:
            self.data_received(rest)

    # What exchanges ask of us.

    def holds(self, size: int, exchange: Http1Exchange) -> None:
        """So many bytes more, or less, wait to be read."""
        self.front.unread += size
        if size > 0 and self.front.unread > UNREAD_BYTES and not exchange.wanted:
            self.close()
        elif exchange.unread > UNREAD:
            self.hold(_BODY)
        else:
            self.release(_BODY)

    def encode(self, exchange: Http1Exchange, status: int, headers: Fields, body: bytes, trailers: Fields) -> bytes:
        """An answer as bytes; says whether the connection stays open."""
        lasts = exchange.lasts = exchange.lasts and not self._leaving
        lines = [b"HTTP/1.1 %d %s" % (status, _REASONS.get(status, b"")), b"date: " + self.front.date]
        lines += [b"%s: %s" % field for field in headers]
        chunked = bool(trailers) and exchange.chunks
        if chunked:
            lines.append(b"transfer-encoding: chunked")
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body += _CHUNK_END + b"".join(b"%s: %s\r\n" % field for field in trailers) + b"\r\n"
        elif status != HTTPStatus.NO_CONTENT and all(name != b"content-length" for name, _ in headers):
            lines.append(b"content-length: %d" % len(body))
        if not lasts:
            lines.append(b"connection: close")
        elif not exchange.chunks:
            lines.append(b"connection: keep-alive")
        return b"\r\n".join((*lines, b"", b"" if exchange.method == "HEAD" else body))

    def respond(self, exchange: Http1Exchange, data: bytes) -> None:
        """Send an exchange's answer; the next one's turn comes."""
        self.active = self.front.now
        self.write(data)
        if not (exchange.lasts and exchange.ended):
            self.close()
        else:
            self._next()

    def _next(self) -> None:
        """Serve the next, if the first is answered and has come in whole."""
        if not self._queue or self.closing:
            return
        first = self._queue[0]
        if not (first.answered and first.ended):
            return
        self._queue.popleft()
        if self._queue:
            if len(self._queue) <= _PIPELINED:
                self.release(_QUEUE)
            self.loop.create_task(self.front.serve(self._queue[0]))
        elif self._leaving:
            self.close()

    def _refuse(self, status: int) -> None:
        """Answer what is no request, and end the connection, once whole requests before it are answered."""
        self._leaving, self._began = True, None
        self.hold(_BROKEN)
        if self._incoming is not None:
            broken, self._incoming = self._incoming, None
            broken.leave()
            if broken is self._queue[0]:
                self.close()
                return
            self._queue.remove(broken)
        if self._queue:
            return
        head = b"HTTP/1.1 %d %s\r\n" % (status, _REASONS[status])
        self.write(head + b"date: " + self.front.date + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.release(_BROKEN)
        self.linger()

    # Ends.

    def retire(self) -> None:
        """Answers say from here on that the connection ends; a request may be on its way now."""
        self._leaving = True

    def drain(self) -> None:
        """The same; one that is idle ends at once."""
        self.retire()
        if not self._queue:
            self.close()

    def overdue(self, now: float) -> None:
        """Time limits of the connection and of the request that is coming in."""
        settings = self.front.settings
        if self._began is not None and now - self._began > settings.header_timeout_seconds:
            self._refuse(408)
        elif (
            self._incoming is not None
            and self._incoming is self._queue[0]
            and now - self._incoming.since > settings.request_timeout_seconds
        ):
            self._incoming.cut(408, ((b"content-length", b"0"),))
        elif not self._queue and now - self.active > settings.idle_timeout_seconds:
            self.close()

    def half_closed(self) -> bool:
        """The client sends nothing more; whether it is still owed answers."""
        self._leaving = True
        return bool(self._queue) and self._incoming is None

    def lost(self) -> None:
        """Nobody is left to answer."""
        for exchange in self._queue:
            exchange.leave()
        self._queue.clear()
