"""The callers that a component has seen, held in memory and checked against PostgreSQL again and again.

A revoked key dies at the next refresh, one that expires dies by our own clock. While PostgreSQL is down the last known
keys hold, and keys never seen are neither taken nor refused: the caller hears KeysUnavailable and may try again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from hmac import compare_digest
from typing import TypeVar

import psycopg

from otelhouse.callers import Found, find_by_prefix, find_by_san, find_tenant
from otelhouse.clock import Clock
from otelhouse.keys import (
    DEFAULT_SCOPES,
    DEFAULT_TENANT,
    KeysError,
    KeysUnavailable,
    Principal,
    Tenant,
    UnknownKey,
    hash_key,
    prefix_of,
)
from otelhouse.postgres import Connection, Pool

REFRESH_SECONDS = 2.0
"""A revoked key dies after at most this and one query."""
MAX_KEYS = 20_000
"""Keys remembered, and as many unknown ones; the longest unused are forgotten."""
LOOK_UP_SECONDS = 2.0
"""What a caller with a new key waits for a connection."""
RETRY_SECONDS = 1.0
"""After a failed look-up nobody asks PostgreSQL for this long, so that callers hear at once."""

Find = Callable[[Connection, Iterable[str]], Found]
T = TypeVar("T")


class KeyRing:
    """Thread-safe. `cached()` and `cached_certificate()` never block; the others may, for seconds."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._keys = _Credentials(find_by_prefix, pool, clock)
        self._certificates = _Credentials(find_by_san, pool, clock, unknown_holds=True)
        self._keyless = Principal(Tenant(DEFAULT_TENANT), "", frozenset(DEFAULT_SCOPES))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh_until_closed, name="keys", daemon=True)

    def start(self) -> None:
        """Begin to refresh in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop refreshing, without waiting for a query under way: the pool's owner closes the pool, which ends it."""
        self._stop.set()

    def keyless(self) -> Principal:
        """Who needs no key: the default tenant."""
        return self._keyless

    def cached(self, key: str) -> Principal | None:
        """Whose key it is if that is known, None if look_up() must be asked. Raises UnknownKey if that is known."""
        return self._keys.cached(prefix_of(key), hash_key(key))

    def look_up(self, key: str) -> Principal:
        """Whose key it is, from PostgreSQL if need be. Raises UnknownKey, KeysUnavailable."""
        return self._keys.look_up(prefix_of(key), hash_key(key))

    def cached_certificate(self, san: str) -> Principal | None:
        """Whose certificate it is, like cached()."""
        san = written(san)
        return self._certificates.cached(san, hash_key(san))

    def look_up_certificate(self, san: str) -> Principal:
        """Whose certificate it is, like look_up()."""
        san = written(san)
        return self._certificates.look_up(san, hash_key(san))

    def refresh(self) -> None:
        """Check all that is known, and the default tenant, again. Raises psycopg.Error; then what was known holds."""
        with self._pool.connection() as connection:
            default = find_tenant(connection, DEFAULT_TENANT)
            self._keys.refresh(connection)
            self._certificates.refresh(connection)
        self._keyless = default or self._keyless

    def _refresh_until_closed(self) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error):  # /readyz says it; the last known keys hold
                self.refresh()
            self._stop.wait(REFRESH_SECONDS)


def written(san: str) -> str:
    """A certificate's name as it is stored: host names know no case."""
    return san.lower().replace("dns:", "DNS:", 1) if san.startswith("DNS:") else san


class _Credentials:
    """Credentials of one sort. A name (a key's prefix) may find several, and only the hash says which it is.

    `unknown_holds`: what was unknown stays so while PostgreSQL is down. So it is for certificates, as those of nobody
    may come with a good key; who shows a key that may have been made since shall try again.
    """

    def __init__(self, find: Find, pool: Pool, clock: Clock, unknown_holds: bool = False) -> None:
        self._find = find
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[bytes, Principal], ...]] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()  # hash -> when it may be asked for again
        self._unknown_holds = unknown_holds
        self._down_until = float("-inf")

    def cached(self, name: str, digest: bytes) -> Principal | None:
        with self._lock:
            for known, principal in self._known.get(name, ()):
                if compare_digest(known, digest):
                    self._known.move_to_end(name)
                    return principal if principal.expires_at is None else self._valid(principal)
            if self._unknown and self._unknown.get(digest, float("-inf")) > self._clock.monotonic():
                raise _unknown()
            return None

    def look_up(self, name: str, digest: bytes) -> Principal:
        principal = self.cached(name, digest)
        if principal is not None:
            return principal
        if self._clock.monotonic() < self._down_until:
            raise self._unavailable(digest)
        try:
            with self._pool.connection(LOOK_UP_SECONDS) as connection:
                found = _by_name(self._find(connection, [name])).get(name, ())
        except psycopg.Error:
            self._down_until = self._clock.monotonic() + RETRY_SECONDS
            raise self._unavailable(digest) from None
        principal = next((each for known, each in found if compare_digest(known, digest)), None)
        with self._lock:
            if principal is None:
                self._unknown[digest] = self._clock.monotonic() + REFRESH_SECONDS
                _forget_oldest(self._unknown)
                raise _unknown()
            self._known[name] = found
            _forget_oldest(self._known)
        return self._valid(principal)

    def refresh(self, connection: Connection) -> None:
        with self._lock:
            before = list(self._known)
        found = _by_name(self._find(connection, before)) if before else {}
        with self._lock:
            for name in before:
                if name not in found:
                    self._known.pop(name, None)
                elif name in self._known:
                    self._known[name] = found[name]

    def _unavailable(self, digest: bytes) -> KeysError:
        if self._unknown_holds and digest in self._unknown:
            return _unknown()
        return KeysUnavailable("API keys cannot be checked now")

    def _valid(self, principal: Principal) -> Principal:
        if principal.expires_at is not None and principal.expires_at * 1e9 <= self._clock.now_ns():
            raise _unknown()
        return principal


def _unknown() -> UnknownKey:
    return UnknownKey("unknown, expired or revoked API key")


def _by_name(found: Found) -> dict[str, tuple[tuple[bytes, Principal], ...]]:
    grouped: dict[str, tuple[tuple[bytes, Principal], ...]] = {}
    for name, digest, principal in found:
        grouped[name] = (*grouped.get(name, ()), (digest, principal))
    return grouped


def _forget_oldest(entries: OrderedDict[str, T] | OrderedDict[bytes, T]) -> None:
    if len(entries) > MAX_KEYS:
        entries.popitem(last=False)
