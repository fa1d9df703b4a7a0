"""The keys that a component has seen, held in memory and checked against PostgreSQL again and again.

A revoked key dies at the next refresh. While PostgreSQL is down the last known keys hold, and keys never seen
are neither taken nor refused: the caller hears KeysUnavailable and may try again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress

import psycopg

from otelhouse.clock import Clock
from otelhouse.keys import (
    DEFAULT_TENANT,
    KeysUnavailable,
    Tenant,
    UnknownKey,
    find_by_hash,
    find_tenant,
    hash_key,
)
from otelhouse.postgres import Pool

REFRESH_SECONDS = 2.0
"""A revoked key dies after at most this and one query."""
MAX_KEYS = 20_000
"""Keys remembered, and as many unknown ones; the longest unused are forgotten."""
LOOK_UP_SECONDS = 2.0
"""What a caller with a new key waits for a connection."""
RETRY_SECONDS = 1.0
"""After a failed look-up nobody asks PostgreSQL for this long, so that callers hear at once."""


class KeyRing:
    """Thread-safe. `cached()` never blocks; `look_up()` may, for seconds."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Tenant] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()  # hash -> when it may be asked for again
        self._default = Tenant(DEFAULT_TENANT)
        self._down_until = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh_until_closed, name="keys", daemon=True)

    def start(self) -> None:
        """Begin to refresh in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop refreshing, without waiting for a query under way: the pool's owner closes the pool, which ends it."""
        self._stop.set()

    def default_tenant(self) -> Tenant:
        """The tenant of those who need no key."""
        return self._default

    def cached(self, key: str) -> Tenant | None:
        """The key's tenant if it is known, None if look_up() must be asked. Raises UnknownKey if that is known."""
        digest = hash_key(key)
        with self._lock:
            tenant = self._known.get(digest)
            if tenant is not None:
                self._known.move_to_end(digest)
            elif self._unknown.get(digest, float("-inf")) > self._clock.monotonic():
                raise UnknownKey("unknown or revoked API key")
            return tenant

    def look_up(self, key: str) -> Tenant:
        """The key's tenant, from PostgreSQL if need be. Raises UnknownKey, KeysUnavailable."""
        tenant = self.cached(key)
        if tenant is not None:
            return tenant
        if self._clock.monotonic() < self._down_until:
            raise KeysUnavailable("API keys cannot be checked now")
        digest = hash_key(key)
        try:
            with self._pool.connection(LOOK_UP_SECONDS) as connection:
                tenant = find_by_hash(connection, [digest]).get(digest)
        except psycopg.Error:
            self._down_until = self._clock.monotonic() + RETRY_SECONDS
            raise KeysUnavailable("API keys cannot be checked now") from None
        with self._lock:
            if tenant is None:
                self._unknown[digest] = self._clock.monotonic() + REFRESH_SECONDS
                _forget_oldest(self._unknown)
                raise UnknownKey("unknown or revoked API key")
            self._known[digest] = tenant
            _forget_oldest(self._known)
        return tenant

    def refresh(self) -> None:
        """Check all known keys and the default tenant again. Raises psycopg.Error; then what was known holds."""
        with self._lock:
            before = list(self._known)
        with self._pool.connection() as connection:
            found = find_by_hash(connection, before) if before else {}
            default = find_tenant(connection, DEFAULT_TENANT)
        self._default = default or self._default
        with self._lock:
            for digest in before:
                if digest not in found:
                    self._known.pop(digest, None)
                elif digest in self._known:
                    self._known[digest] = found[digest]

    def _refresh_until_closed(self) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error):  # /readyz says it; the last known keys hold
                self.refresh()
            self._stop.wait(REFRESH_SECONDS)


def _forget_oldest(entries: OrderedDict[bytes, Tenant] | OrderedDict[bytes, float]) -> None:
    if len(entries) > MAX_KEYS:
        entries.popitem(last=False)
