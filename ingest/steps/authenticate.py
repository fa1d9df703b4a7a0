"""Step 1: who calls? An API key or a client's certificate names the tenant; nothing else that a client sends does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ingest.answer import Code, Refused, unavailable
from otelhouse.key_ring import KeyRing
from otelhouse.keys import KeysUnavailable, NotAllowed, Principal, Scope, Tenant, UnknownKey, bearer_key
from otelhouse.rules.rule import Rules

_LOOK_UPS = 4
"""Keys looked up in PostgreSQL at a time: a flood of unknown keys waits in line instead of taking all threads."""


class Authenticate:
    """Key or certificate -> tenant, for callers that may send data. Refuses all while no rules were ever read."""

    def __init__(self, keys: KeyRing, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "keys")

    async def __call__(self, authorization: str | None, keyless: bool, sans: Sequence[str] = ()) -> Tenant:
        """`keyless`: a call without a key is the default tenant's. Raises Refused.

        `sans`: subject alternative names of a client's certificate that the front has verified, as `URI:...` and
        `DNS:...`. A certificate that is nobody's proves nothing and forbids nothing; one that is a tenant's must agree
        with the key, if there is one, and what the key may do counts then.
        """
        key = bearer_key(authorization)
        if key == "":
            raise _wanted()
        try:
            certified = await self._certified(sans) if sans else None
            if key is not None:
                principal = self._keys.cached(key)
                if principal is None:
                    principal = await self._ask(self._keys.look_up, key)
                if certified is not None and certified.tenant.id != principal.tenant.id:
                    raise Refused(Code.FORBIDDEN, "the API key and the certificate are not of the same tenant")
            elif certified is not None:
                principal = certified
            elif keyless:
                principal = self._keys.keyless()
            else:
                raise _wanted()
            tenant = principal.require(Scope.INGEST)
        except UnknownKey as error:
            raise Refused(Code.UNAUTHENTICATED, str(error)) from None
        except NotAllowed as error:
            raise Refused(Code.FORBIDDEN, str(error)) from None
        except KeysUnavailable as error:
            raise unavailable(str(error)) from None
        if not self._rules.loaded:  # nobody knows what to mask: nothing may pass
            raise unavailable("the rules of this tenant cannot be read yet")
        return tenant

    async def _certified(self, sans: Sequence[str]) -> Principal | None:
        """Whose certificate it is; None if it is nobody's. Raises Refused if its names are of several tenants."""
        found: Principal | None = None
        for san in sans:
            try:
                principal = self._keys.cached_certificate(san)
                if principal is None:
                    principal = await self._ask(self._keys.look_up_certificate, san)
            except UnknownKey:
                continue
            if found is not None and found.tenant.id != principal.tenant.id:
                raise Refused(Code.FORBIDDEN, "the certificate's names are of several tenants")
            found = found or principal
        return found

    async def _ask(self, look_up: Callable[[str], Principal], name: str) -> Principal:
        return await asyncio.get_running_loop().run_in_executor(self._threads, look_up, name)

    def close(self) -> None:
        """Wait for no one: what is being looked up is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _wanted() -> Refused:
    return Refused(Code.UNAUTHENTICATED, "an API key is needed, as 'authorization: Bearer KEY'")
