"""Cross-origin requests: which web pages may send OTLP/HTTP from a browser (the Fetch standard, "CORS protocol")."""

from __future__ import annotations

from ingest.asgi import Headers, Message, Scope, Send

_MAX_AGE_SECONDS = 7200  # what browsers let us ask for at most
_ASKED = b"access-control-request-headers"


class Cors:
    """Answers preflights, and lets the pages of allowed origins read our answers."""

    def __init__(self, origins: frozenset[bytes]) -> None:
        self._origins = origins
        self._all = b"*" in origins

    @classmethod
    def of(cls, origins: str) -> Cors | None:
        """`origins`: with commas, or `*`; None if there are none."""
        return cls(frozenset(origins.encode().split(b","))) if origins else None

    def is_preflight(self, scope: Scope, headers: Headers) -> bool:
        """Whether a browser asks what a page may send."""
        return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers

    async def preflight(self, scope: Scope, origin: bytes, send: Send) -> None:
        """Answer it: 204, with nothing in it for an origin that is not allowed."""
        headers = [(b"vary", b"origin, access-control-request-headers")]
        if self._allows(origin):
            asked = dict(scope["headers"]).get(_ASKED, b"content-type")
            headers += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
            ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def noting(self, origin: bytes, send: Send) -> Send:
        """`send`, with what lets the page read the answer."""
        if not self._allows(origin):
            return send

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"vary", b"origin"),
                    (b"access-control-allow-origin", origin),
                    (b"access-control-expose-headers", b"retry-after"),
                ]
            await send(message)

        return noted

    def _allows(self, origin: bytes) -> bool:
        return self._all or origin in self._origins
