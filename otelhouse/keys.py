"""API keys in PostgreSQL. A key is shown once, when it is made; what is stored is its prefix and its SHA-256.

A key is 256 random bits, so a slow hash, a salt or a pepper would add nothing: who reads the table cannot try them all,
and who guesses is not helped by the 48 bits of the prefix, which is no secret. The prefix finds the row; the hashes are
compared in constant time. Errors form one tree::

    KeysError
    |-- UnknownKey        no such key, or it was revoked, or it expired
    |-- KeysUnavailable   PostgreSQL cannot be asked now
    |-- NotAllowed        who calls is known, but may not do this
    |-- UnknownTenant     no such tenant, and it was not to be made
    `-- InvalidTenant     not a name that a tenant may have
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from otelhouse import audit
from otelhouse.postgres import Connection
from schema.signal import Signal

DEFAULT_TENANT = "default"
KEY_SCHEME = "ohk_"
_PREFIX_LENGTH = len(KEY_SCHEME) + 8
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class KeysError(Exception):
    """Root of all errors about keys. The message is one line and holds no key."""


class UnknownKey(KeysError):
    """There is no such key, or it was revoked, or it expired."""


class KeysUnavailable(KeysError):
    """PostgreSQL cannot be asked now. Retryable."""


class NotAllowed(KeysError):
    """Who calls is known, but may not do this. The message is for the caller."""


class UnknownTenant(KeysError):
    """There is no such tenant."""


class InvalidTenant(KeysError):
    """This cannot be a tenant's id."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose data it is. `retention_classes` (0..7) by Signal."""

    id: str
    retention_classes: tuple[int, int, int] = (0, 0, 0)

    def retention_class(self, signal: Signal) -> int:
        """Class under which this tenant's data of a signal is kept."""
        return self.retention_classes[signal]


class Scope(StrEnum):
    """What a key may do. None includes another."""

    INGEST = "ingest"
    QUERY = "query"
    ADMIN = "admin"


DEFAULT_SCOPES = (Scope.INGEST, Scope.QUERY)
"""What the keys of the release before may do, and those made without a word about it."""

_DOES = {Scope.INGEST: "send data", Scope.QUERY: "read data", Scope.ADMIN: "change rules"}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: a key, a client's certificate, or anybody on this machine. `expires_at` in seconds since the epoch."""

    tenant: Tenant
    id: str
    scopes: frozenset[Scope]
    expires_at: float | None = None
    disabled: bool = False

    def require(self, scope: Scope) -> Tenant:
        """The tenant, for a caller that may do this. Raises NotAllowed."""
        if self.disabled:
            raise NotAllowed(f"the tenant '{self.tenant.id}' is disabled")
        if scope not in self.scopes:
            raise NotAllowed(f"this caller may not {_DOES[scope]}: it lacks the scope '{scope}'")
        return self.tenant


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `key` cannot be had again."""

    id: UUID
    tenant: str
    prefix: str
    key: str


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as an operator sees it."""

    id: UUID
    tenant: str
    prefix: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
    scopes: tuple[Scope, ...]
    expires_at: datetime | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> KeyInfo:
        """From a row of `_COLUMNS`."""
        key, tenant, prefix, name, created_at, revoked_at, scopes, expires_at = row
        known = tuple(Scope(scope) for scope in scopes)
        return cls(key, tenant, prefix, name, created_at, revoked_at, known, expires_at)


def hash_key(key: str) -> bytes:
    """What is stored of a key: 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def bearer_key(authorization: str | None) -> str | None:
    """The key in an `authorization` header's value; None without a header, "" if it is not `Bearer KEY`."""
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def prefix_of(key: str) -> str:
    """The part of a key that finds it and is no secret."""
    return key[:_PREFIX_LENGTH]


def check_tenant_name(tenant: str) -> None:
    """Raises InvalidTenant."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidTenant(f"'{tenant}' is not a tenant: lower-case letters, digits, '-' and '_', at most 63")


def create_key(
    connection: Connection,
    tenant: str,
    name: str = "",
    create_tenant: bool = False,
    scopes: Collection[Scope] = DEFAULT_SCOPES,
    expires_at: datetime | None = None,
    actor: str = "system",
) -> NewKey:
    """Make a key, and the tenant too if `create_tenant` and it is new.

    Raises UnknownTenant, InvalidTenant, psycopg.Error.
    """
    check_tenant_name(tenant)
    key = KEY_SCHEME + secrets.token_urlsafe(32)
    prefix = prefix_of(key)
    with connection.transaction():
        if create_tenant:
            insert_tenant(connection, tenant, "", actor)
        row = connection.execute(
            "INSERT INTO api_keys (tenant, hash, prefix, name, scopes, expires_at)"
            " SELECT id, %s, %s, %s, %s, %s FROM tenants WHERE id = %s RETURNING id",
            (hash_key(key), prefix, name, sorted(scopes), expires_at, tenant),
        ).fetchone()
        if row is None:
            raise UnknownTenant(f"there is no tenant '{tenant}'")
        after = {"id": row[0], "name": name, "scopes": sorted(scopes), "expires_at": expires_at}
        audit.write(connection, actor, "key.create", tenant, prefix, None, after)
    return NewKey(row[0], tenant, prefix, key)


def insert_tenant(connection: Connection, tenant: str, name: str, actor: str) -> bool:
    """Inside a transaction: make a tenant; False if it was there. PostgreSQL gives it its hash key."""
    made = connection.execute(
        "INSERT INTO tenants (id, name) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING RETURNING id", (tenant, name)
    ).fetchone()
    if made is not None:
        audit.write(connection, actor, "tenant.create", tenant, "", None, {"name": name})
    return made is not None


_COLUMNS = "id, tenant, prefix, name, created_at, revoked_at, scopes, expires_at"


def list_keys(connection: Connection, tenant: str = "") -> list[KeyInfo]:
    """Keys of one tenant, or of all; revoked ones too, oldest first. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE %s = '' OR tenant = %s ORDER BY created_at, id", (tenant, tenant)
    )
    return [KeyInfo.of(row) for row in rows]


def revoke_key(connection: Connection, which: str, actor: str = "system") -> KeyInfo:
    """Revoke the key with this id or prefix; one revoked before keeps its time. Raises UnknownKey, psycopg.Error."""
    with connection.transaction():
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM api_keys WHERE id::text = %s OR prefix = %s FOR UPDATE", (which, which)
        )
        keys = [KeyInfo.of(row) for row in found]
        if len(keys) != 1:
            raise UnknownKey(f"{'no key has' if not keys else 'several keys have'} the id or prefix '{which}'")
        key = keys[0]
        if key.revoked_at is not None:
            return key
        row = connection.execute(
            f"UPDATE api_keys SET revoked_at = now() WHERE id = %s RETURNING {_COLUMNS}", (key.id,)
        ).fetchone()
        if row is None:
            raise UnknownKey(f"the key '{which}' was removed meanwhile")
        revoked = KeyInfo.of(row)
        after = {"revoked_at": revoked.revoked_at}
        audit.write(connection, actor, "key.revoke", key.tenant, key.prefix, {"revoked_at": None}, after)
    return revoked
