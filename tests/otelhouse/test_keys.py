"""API keys in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from otelhouse import audit
from otelhouse.callers import find_by_prefix, find_tenant
from otelhouse.config import PostgresSettings
from otelhouse.keys import (
    InvalidTenant,
    Tenant,
    UnknownKey,
    UnknownTenant,
    bearer_key,
    create_key,
    hash_key,
    list_keys,
    prefix_of,
    revoke_key,
)
from otelhouse.postgres import Connection, connect
from tests.support.postgres import migrate_postgres


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Connection]:
    migrate_postgres(postgres_url)
    with connect(PostgresSettings(url=SecretStr(postgres_url))) as made:
        yield made


def tenant_of(connection: Connection, key: str) -> Tenant | None:
    found = find_by_prefix(connection, [prefix_of(key)])
    return next((principal.tenant for _, digest, principal in found if digest == hash_key(key)), None)


def test_a_key_finds_its_tenant_and_is_stored_nowhere(connection: Connection) -> None:
    made = create_key(connection, "default", "laptop")
    connection.execute("UPDATE tenants SET retention_class_logs = 5 WHERE id = 'default'")
    keyless = find_tenant(connection, "default")
    assert keyless is not None
    assert tenant_of(connection, made.key) == Tenant("default", (0, 0, 5)) == keyless.tenant
    stored = connection.execute("SELECT api_keys::text FROM api_keys").fetchall()
    assert made.key not in str(stored)
    assert made.key.startswith(made.prefix)
    assert len(made.key) > 40


def test_a_key_that_was_never_made_finds_nothing(connection: Connection) -> None:
    create_key(connection, "default")
    assert tenant_of(connection, "ohk_something") is None
    assert find_tenant(connection, "nobody") is None


@pytest.mark.parametrize("by", ["id", "prefix"])
def test_a_revoked_key_finds_nothing_and_is_still_listed(connection: Connection, by: str) -> None:
    kept, made = create_key(connection, "default", "kept"), create_key(connection, "default", "gone")
    first = revoke_key(connection, str(getattr(made, by)))
    assert first.revoked_at is not None
    assert revoke_key(connection, str(made.id)).revoked_at == first.revoked_at
    assert tenant_of(connection, made.key) is None
    assert tenant_of(connection, kept.key) == Tenant("default")
    assert [(key.name, key.revoked_at is None) for key in list_keys(connection)] == [("kept", True), ("gone", False)]


def test_revoking_what_is_not_there_says_so(connection: Connection) -> None:
    with pytest.raises(UnknownKey, match="no key has"):
        revoke_key(connection, str(uuid4()))


def test_a_tenant_is_made_only_when_asked_for(connection: Connection) -> None:
    with pytest.raises(UnknownTenant, match="'acme'"):
        create_key(connection, "acme")
    made = create_key(connection, "acme", create_tenant=True)
    assert tenant_of(connection, made.key) == Tenant("acme")
    assert [key.tenant for key in list_keys(connection, "acme")] == ["acme"]
    assert list_keys(connection, "default") == []


def test_making_and_revoking_a_key_are_in_the_audit_log_without_the_key(connection: Connection) -> None:
    made = create_key(connection, "acme", "agent", create_tenant=True, actor="cli:ann")
    revoke_key(connection, made.prefix, actor="cli:bob")
    revoke_key(connection, made.prefix, actor="cli:bob")  # changes nothing
    entries = audit.read(connection, "acme")
    assert [(each.actor, each.action, each.object) for each in entries] == [
        ("cli:bob", "key.revoke", made.prefix),
        ("cli:ann", "key.create", made.prefix),
        ("cli:ann", "tenant.create", ""),
    ]
    assert made.key not in str(entries)


def test_a_key_that_is_not_made_leaves_no_trace(connection: Connection) -> None:
    with pytest.raises(UnknownTenant):
        create_key(connection, "acme")
    assert audit.read(connection) == []


@pytest.mark.parametrize("name", ["", "Acme", "a b", "x" * 64, "-a"])
def test_a_tenants_name_is_checked(connection: Connection, name: str) -> None:
    with pytest.raises(InvalidTenant):
        create_key(connection, name, create_tenant=True)


@pytest.mark.parametrize(
    ("header", "key"),
    [(None, None), ("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("Bearer", "")],
)
def test_the_key_is_what_follows_bearer(header: str | None, key: str | None) -> None:
    assert bearer_key(header) == key


def test_an_unreachable_postgres_is_the_drivers_error() -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(PostgresSettings(url=SecretStr("postgresql://nobody@127.0.0.1:1/x")))
