"""Cross-origin requests: which web pages may send OTLP/HTTP from a browser (the Fetch standard, "CORS protocol")."""

from __future__ import annotations

from ingest.exchange import Exchange, Fields

_MAX_AGE_SECONDS = 7200  # what browsers let us ask for at most
_METHOD = b"access-control-request-method"
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

    def preflight(self, exchange: Exchange, origin: bytes) -> bool:
        """Answer a browser that asks what a page may send; False if it does not ask.

        The answer has nothing in it for an origin that is not allowed.
        """
        if exchange.method != "OPTIONS" or _METHOD not in exchange.headers:
            return False
        headers: Fields = ((b"vary", b"origin, access-control-request-headers"),)
        if self._allows(origin):
            headers += (
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", exchange.headers.get(_ASKED, b"content-type")),
                (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
            )
        exchange.answer(204, headers)
        return True

    def note(self, exchange: Exchange, origin: bytes) -> None:
        """Have the answer say that the page may read it."""
        if self._allows(origin):
            exchange.also += (
                (b"vary", b"origin"),
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", b"retry-after"),
            )

    def _allows(self, origin: bytes) -> bool:
        return self._all or origin in self._origins
