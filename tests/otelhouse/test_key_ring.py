"""The ring of keys with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from otelhouse import key_ring
from otelhouse.clock import ManualClock
from otelhouse.config import PostgresSettings
from otelhouse.key_ring import KeyRing
from otelhouse.keys import Connection, KeysUnavailable, Tenant, UnknownKey, create_key, revoke_key
from otelhouse.postgres import Pool, connect, open_pool
from schema.migrations import migrations


@pytest.fixture
def store(postgres_url: str) -> Iterator[Connection]:
    with connect(PostgresSettings(url=SecretStr(postgres_url))) as made:
        for migration in migrations("postgres"):
            made.execute(migration.text)
        yield made


@pytest.fixture
def pool(store: Connection, postgres_url: str) -> Iterator[Pool]:
    with open_pool(PostgresSettings(url=SecretStr(postgres_url))) as made:
        yield made


def test_a_key_is_looked_up_once_and_held(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    key = create_key(store, "acme", create_tenant=True).key
    assert ring.cached(key) is None
    assert ring.look_up(key) == Tenant("acme")
    pool.close()
    assert ring.cached(key) == ring.look_up(key) == Tenant("acme")


def test_a_refresh_drops_revoked_keys_and_takes_changes_of_tenants(pool: Pool, store: Connection) -> None:
    ring = KeyRing(pool, ManualClock())
    gone, kept = (create_key(store, "acme", create_tenant=True) for _ in range(2))
    ring.look_up(gone.key)
    ring.look_up(kept.key)
    revoke_key(store, gone.prefix)
    store.execute("UPDATE tenants SET retention_class_metrics = 4")
    ring.refresh()
    assert ring.cached(kept.key) == Tenant("acme", (0, 4, 0))
    assert ring.default_tenant() == Tenant("default", (0, 4, 0))
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
    assert ring.look_up(known) == Tenant("default")


def test_strangers_cannot_fill_the_memory(pool: Pool, store: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "MAX_KEYS", 3)
    ring = KeyRing(pool, ManualClock())
    known = create_key(store, "default").key
    ring.look_up(known)
    for number in range(10):
        with pytest.raises(UnknownKey):
            ring.look_up(f"ohk_{number}")
    assert ring.cached("ohk_0") is None
    assert ring.cached(known) == Tenant("default")
