"""Whose data a request sees: from its key, never from what it says of itself."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from otelhouse.address import Address, parse_address
from otelhouse.key_ring import KeyRing
from otelhouse.keys import KeysUnavailable, NotAllowed, Principal, Scope, UnknownKey, bearer_key
from query.errors import Forbidden, Unauthenticated, Unavailable


class Tenancy:
    """Keys to tenants. On a loopback bind the tenant `default` needs no key."""

    def __init__(self, keys: KeyRing, listen: Address) -> None:
        self._keys = keys
        self._keyless = listen.is_loopback

    async def tenant_of(self, request: Request) -> str:
        """The tenant of a caller that may read. Raises Unauthenticated, Forbidden, Unavailable."""
        try:
            return (await self._principal_of(request)).require(Scope.QUERY).id
        except NotAllowed as error:
            raise Forbidden(str(error)) from None

    async def _principal_of(self, request: Request) -> Principal:
        key = bearer_key(request.headers.get("authorization"))
        if key is None:
            if self._keyless and _names_loopback(request):
                return self._keys.keyless()
            raise Unauthenticated("a key is needed: send it as 'authorization: Bearer KEY'")
        try:
            principal = self._keys.cached(key)
            if principal is None:
                principal = await asyncio.to_thread(self._keys.look_up, key)
        except UnknownKey:
            raise Unauthenticated("this key is not known, or expired, or was revoked") from None
        except KeysUnavailable:
            raise Unavailable("keys cannot be checked now: try again") from None
        return principal


def _names_loopback(request: Request) -> bool:
    """Whether the client meant this machine: a page of another site whose name was bent to 127.0.0.1 did not."""
    host = request.headers.get("host", "")
    try:
        return parse_address(host if _has_port(host) else f"{host}:80").is_loopback
    except ValueError:
        return False


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]
