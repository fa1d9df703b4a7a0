"""The ring of keys with a clock that the test moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from otelhouse import key_ring
from otelhouse.clock import ManualClock
from otelhouse.key_ring import KeyRing
from otelhouse.keys import (
    KeysUnavailable,
    NotAllowed,
    Scope,
    Tenant,
    UnknownKey,
    create_key,
    hash_key,
    prefix_of,
    revoke_key,
)
from otelhouse.postgres import Connection, Pool


def test_a_key_is_looked_up_once_and_held(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    key = create_key(store, "acme", create_tenant=True).key
    assert ring.cached(key) is None
    assert ring.look_up(key).tenant == Tenant("acme")
    pool.close()
    cached = ring.cached(key)
    assert cached is not None
    assert cached == ring.look_up(key)
    assert cached.tenant == Tenant("acme")


def test_a_refresh_drops_revoked_keys_and_takes_changes_of_tenants(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    gone, kept = (create_key(store, "acme", create_tenant=True) for _ in range(2))
    ring.look_up(gone.key)
    ring.look_up(kept.key)
    revoke_key(store, gone.prefix)
    store.execute("UPDATE tenants SET retention_class_metrics = 4")
    ring.refresh()
    assert ring.look_up(kept.key).tenant == Tenant("acme", (0, 4, 0))
    assert ring.keyless().tenant == Tenant("default", (0, 4, 0))
    with pytest.raises(UnknownKey):
        ring.look_up(gone.key)


def test_an_unknown_key_is_remembered_for_a_while_and_then_asked_for_again(pool: Pool, store: Connection) -> None:
    clock = ManualClock()
    ring = KeyRing(pool, clock)
    with pytest.raises(UnknownKey):
        ring.look_up("ohk_nobody")
    with pytest.raises(UnknownKey):
        ring.cached("ohk_nobody")
    clock.advance(key_ring.REFRESH_SECONDS + 0.1)
    assert ring.cached("ohk_nobody") is None


def test_an_outage_is_no_reason_to_refuse_for_good(pool: Pool, store: Connection) -> None:
    clock = ManualClock()
    ring = KeyRing(pool, clock)
    known, new = create_key(store, "default").key, create_key(store, "default").key
    ring.look_up(known)
    pool.close()
    with pytest.raises(KeysUnavailable):
        ring.look_up(new)
    assert ring.look_up(known).tenant == Tenant("default")


def test_strangers_cannot_fill_the_memory(pool: Pool, store: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "MAX_KEYS", 3)
    ring = KeyRing(pool, ManualClock())
    known = create_key(store, "default").key
    ring.look_up(known)
    for number in range(10):
        with pytest.raises(UnknownKey):
            ring.look_up(f"ohk_{number}")
    assert ring.cached("ohk_0") is None
    assert ring.look_up(known).tenant == Tenant("default")


def test_a_key_dies_by_our_own_clock_when_it_expires(pool: Pool, store: Connection) -> None:
    clock = ManualClock(wall_ns=time.time_ns())
    ring = KeyRing(pool, clock)
    soon = datetime.now(UTC) + timedelta(seconds=60)
    key = create_key(store, "default", expires_at=soon).key
    assert ring.look_up(key).tenant == Tenant("default")
    pool.close()  # nobody else says it
    clock.advance(59)
    assert ring.cached(key) is not None
    clock.advance(2)
    with pytest.raises(UnknownKey, match="expired"):
        ring.cached(key)


def test_a_key_that_has_expired_is_never_taken(pool: Pool, store: Connection) -> None:
    key = create_key(store, "default", expires_at=datetime.now(UTC) - timedelta(seconds=1)).key
    with pytest.raises(UnknownKey):
        KeyRing(pool, ManualClock()).look_up(key)


def test_a_known_prefix_alone_opens_nothing(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    key = create_key(store, "default").key
    ring.look_up(key)
    other = key[:-4] + ("aaaa" if not key.endswith("aaaa") else "bbbb")
    assert ring.cached(other) is None
    with pytest.raises(UnknownKey):
        ring.look_up(other)


def test_two_keys_may_share_a_prefix(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    first = create_key(store, "default").key
    second = prefix_of(first) + "x" * 35
    store.execute("INSERT INTO tenants (id) VALUES ('other')")
    insert = "INSERT INTO api_keys (tenant, hash, prefix) VALUES ('other', %s, %s)"
    store.execute(insert, (hash_key(second), prefix_of(second)))
    assert (ring.look_up(first).tenant.id, ring.look_up(second).tenant.id) == ("default", "other")
    ring.refresh()
    assert (ring.look_up(first).tenant.id, ring.look_up(second).tenant.id) == ("default", "other")


def test_a_caller_may_do_what_its_scopes_say_while_its_tenant_is_enabled(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    key = create_key(store, "default", scopes=[Scope.QUERY]).key
    assert ring.look_up(key).require(Scope.QUERY) == Tenant("default")
    with pytest.raises(NotAllowed, match="may not send data: it lacks the scope 'ingest'"):
        ring.look_up(key).require(Scope.INGEST)
    store.execute("UPDATE tenants SET disabled_at = now()")
    ring.refresh()
    for principal in (ring.look_up(key), ring.keyless()):
        with pytest.raises(NotAllowed, match="'default' is disabled"):
            principal.require(Scope.QUERY)


def test_keys_of_the_release_before_may_send_and_read(pool: Pool, store: Connection) -> None:
    insert = "INSERT INTO api_keys (tenant, hash, prefix) VALUES ('default', %s, %s)"
    store.execute(insert, (hash_key("ohk_12345678rest"), "ohk_12345678"))
    assert KeyRing(pool, ManualClock()).look_up("ohk_12345678rest").scopes == {Scope.INGEST, Scope.QUERY}


def test_a_certificate_s_name_is_looked_up_held_and_dropped_like_a_key(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    san = "URI:spiffe://example/agent"
    store.execute("INSERT INTO certificates (san, tenant) VALUES (%s, 'default')", (san,))
    assert ring.cached_certificate(san) is None
    assert ring.look_up_certificate(san).scopes == {Scope.INGEST}
    assert ring.cached_certificate(san) is not None
    with pytest.raises(UnknownKey):
        ring.look_up_certificate("DNS:nobody.example")
    store.execute("UPDATE certificates SET revoked_at = now()")
    ring.refresh()
    with pytest.raises(UnknownKey):
        ring.look_up_certificate(san)
