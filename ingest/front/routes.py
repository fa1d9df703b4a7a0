"""Which application answers a request: by content type for gRPC, by path for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ingest.asgi import Message, Receive, Scope, Send
from ingest.front.certificate import CERTIFICATE_HEADER, names_in
from ingest.front.cors import Cors
from ingest.receivers.encoding import Encoding, encode_refused
from ingest.receivers.grpc import STOPPING, GrpcFront
from ingest.receivers.otlp import Caller, declared_bytes
from ingest.receivers.reading import Disconnected, discard_body
from otelhouse.health import Page

_GRPC = b"application/grpc"
_CLOSING = ("1.0", "1.1")
_GRPC_TYPES = (_GRPC, b"application/grpc+proto")

Front = Callable[[Scope, Receive, Send, Caller], Awaitable[None]]
"""An ASGI application that is told who calls."""
Pages = Mapping[str, Callable[[], Awaitable[Page]]]


class Routes:
    """An ASGI application. Both protocols are served on both ports.

    `keyless`: ports on which no key is needed; `most`: bytes of a body that are read though its call is refused.
    """

    def __init__(
        self,
        grpc: GrpcFront,
        fronts: Mapping[str, Front],
        pages: Pages,
        keyless: frozenset[int],
        cors: Cors | None,
        most: int,
    ) -> None:
        self._grpc = grpc
        self._fronts = fronts
        self._pages = pages
        self._keyless = keyless
        self._cors = cors
        self._most = most
        self._draining = False

    def drain(self) -> None:
        """Let no call in any more."""
        self._draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        shown = headers.get(CERTIFICATE_HEADER)
        caller = Caller(headers, scope["server"][1] in self._keyless, names_in(shown) if shown else ())
        if self._cors is not None and (origin := headers.get(b"origin")) is not None:
            if self._cors.is_preflight(scope, headers):
                await self._cors.preflight(scope, origin, send)
                return
            send = self._cors.noting(origin, send)
        if scope["http_version"] in _CLOSING and declared_bytes(headers) <= self._most:
            send = _after_the_body(receive, send, self._most)
        try:
            media_type = headers.get(b"content-type", b"").partition(b";")[0]
            if media_type in _GRPC_TYPES and scope["method"] == "POST":
                await (self._grpc.stop(send) if self._draining else self._grpc(scope, receive, send, caller))
            elif (front := self._fronts.get(scope["path"])) is not None:
                await (_stop(media_type, send) if self._draining else front(scope, receive, send, caller))
            else:
                await self._other(scope, send)
        except Disconnected:
            return  # nobody is left to answer

    async def _other(self, scope: Scope, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        make = self._pages.get(path)
        if path in self._grpc.methods:
            await _say(send, Page(415, "text/plain", b"the content type must be application/grpc\n"))
        elif make is None:
            await _say(send, Page(404, "text/plain", b"not found\n"))
        elif method not in ("GET", "HEAD"):
            await _say(send, Page(405, "text/plain", b"only GET is allowed\n"), (b"allow", b"GET, HEAD"))
        else:
            page = await make()
            await _say(send, Page(page.status, page.media_type, b"") if method == "HEAD" else page)


def _after_the_body(receive: Receive, send: Send, most: int) -> Send:
    """`send`, but a refusal waits until the client has sent its body, which is thrown away.

    Envoy closes a connection whose request is not complete, and a client that reads only once it has written all
    would find its connection reset and never learn why.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            await discard_body(receive, most)
        await send(message)

    return sending


async def _stop(media_type: bytes, send: Send) -> None:
    """What a call is told that comes while we end: to try again, which leads to another ingest."""
    encoding = Encoding.JSON if media_type == Encoding.JSON.value.encode() else Encoding.PROTOBUF
    page = Page(503, encoding.value, encode_refused(encoding, STOPPING))
    await _say(send, page, (b"retry-after", b"1"))


async def _say(send: Send, page: Page, *headers: tuple[bytes, bytes]) -> None:
    told = [(b"content-type", page.media_type.encode()), (b"content-length", b"%d" % len(page.body)), *headers]
    await send({"type": "http.response.start", "status": page.status, "headers": told})
    await send({"type": "http.response.body", "body": page.body})
