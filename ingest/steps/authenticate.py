"""Step 1: who calls? An API key names the tenant; nothing else that a client sends does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ingest.answer import Code, Refused, unavailable
from otelhouse.key_ring import KeyRing
from otelhouse.keys import KeysUnavailable, Tenant, UnknownKey, bearer_key

_LOOK_UPS = 4
"""Keys looked up in PostgreSQL at a time: a flood of unknown keys waits in line instead of taking all threads."""


class Authenticate:
    """authorization header -> tenant."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "keys")

    async def __call__(self, authorization: str | None, keyless: bool) -> Tenant:
        """`keyless`: a call without a key is the default tenant's. Raises Refused."""
        key = bearer_key(authorization)
        if key is None and keyless:
            return self._keys.default_tenant()
        if not key:
            raise Refused(Code.UNAUTHENTICATED, "an API key is needed, as 'authorization: Bearer KEY'")
        try:
            tenant = self._keys.cached(key)
            if tenant is None:
                tenant = await asyncio.get_running_loop().run_in_executor(self._threads, self._keys.look_up, key)
        except UnknownKey as error:
            raise Refused(Code.UNAUTHENTICATED, str(error)) from None
        except KeysUnavailable as error:
            raise unavailable(str(error)) from None
        return tenant

    def close(self) -> None:
        """Wait for no one: what is being looked up is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
