"""Which receiver answers a request: by content type for gRPC, by path for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ingest.exchange import Disconnected, Exchange, Fields
from ingest.front.cors import Cors
from ingest.receivers.encoding import Encoding, encode_refused
from ingest.receivers.grpc import STOPPING, GrpcFront
from otelhouse.health import Page

_GRPC_TYPES = (b"application/grpc", b"application/grpc+proto")

Receiver = Callable[[Exchange], Awaitable[None]]
Pages = Mapping[str, Callable[[], Awaitable[Page]]]


class Routes:
    """Both protocols are served on both ports."""

    def __init__(self, grpc: GrpcFront, receivers: Mapping[str, Receiver], pages: Pages, cors: Cors | None) -> None:
        self._grpc = grpc
        self._receivers = receivers
        self._pages = pages
        self._cors = cors
        self._draining = False

    def drain(self) -> None:
        """Let no call in any more."""
        self._draining = True

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request."""
        headers = exchange.headers
        if self._cors is not None and (origin := headers.get(b"origin")) is not None:
            if self._cors.preflight(exchange, origin):
                return
            self._cors.note(exchange, origin)
        media_type = headers.get(b"content-type", b"").partition(b";")[0]
        try:
            if media_type in _GRPC_TYPES and exchange.method == "POST":
                if self._draining:
                    self._grpc.stop(exchange)
                else:
                    await self._grpc(exchange)
            elif (receiver := self._receivers.get(exchange.path)) is not None:
                if self._draining:
                    _stop(exchange, media_type)
                else:
                    await receiver(exchange)
            else:
                await self._other(exchange)
        except Disconnected:
            return  # nobody is left to answer

    async def _other(self, exchange: Exchange) -> None:
        make = self._pages.get(exchange.path)
        if exchange.path in self._grpc.methods:
            _say(exchange, Page(415, "text/plain", b"the content type must be application/grpc\n"))
        elif make is None:
            _say(exchange, Page(404, "text/plain", b"not found\n"))
        elif exchange.method not in ("GET", "HEAD"):
            _say(exchange, Page(405, "text/plain", b"only GET is allowed\n"), (b"allow", b"GET, HEAD"))
        else:
            page = await make()
            _say(exchange, Page(page.status, page.media_type, b"") if exchange.method == "HEAD" else page)


def _stop(exchange: Exchange, media_type: bytes) -> None:
    """What a call is told that comes while we end: to try again, which leads to another ingest."""
    encoding = Encoding.JSON if media_type == Encoding.JSON.value.encode() else Encoding.PROTOBUF
    page = Page(503, encoding.value, encode_refused(encoding, STOPPING))
    _say(exchange, page, (b"retry-after", b"1"))


def _say(exchange: Exchange, page: Page, *headers: tuple[bytes, bytes]) -> None:
    told: Fields = ((b"content-type", page.media_type.encode()), (b"content-length", b"%d" % len(page.body)), *headers)
    exchange.answer(page.status, told, page.body)
