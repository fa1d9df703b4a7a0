"""API keys in PostgreSQL. A key is shown once, when it is made; what is stored is its SHA-256.

A key is 256 random bits, so a slow hash would add nothing, and a look-up by hash leaks nothing by its time:
who does not know a key cannot choose its hash. Errors form one tree::

    KeysError
    |-- UnknownKey        no such key, or it was revoked
    |-- KeysUnavailable   PostgreSQL cannot be asked now
    |-- UnknownTenant     no such tenant, and it was not to be made
    `-- InvalidTenant     not a name that a tenant may have
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from schema.signal import Signal

Connection = psycopg.Connection[tuple[Any, ...]]

DEFAULT_TENANT = "default"
KEY_SCHEME = "ohk_"
_PREFIX_LENGTH = len(KEY_SCHEME) + 8
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class KeysError(Exception):
    """Root of all errors about keys. The message is one line and holds no key."""


class UnknownKey(KeysError):
    """There is no such key, or it was revoked."""


class KeysUnavailable(KeysError):
    """PostgreSQL cannot be asked now. Retryable."""


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


def hash_key(key: str) -> bytes:
    """What is stored of a key: 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def bearer_key(authorization: str | None) -> str | None:
    """The key in an `authorization` header's value; None without a header, "" if it is not `Bearer KEY`."""
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def create_key(connection: Connection, tenant: str, name: str = "", create_tenant: bool = False) -> NewKey:
    """Make a key, and the tenant too if `create_tenant` and it is new.

    Raises UnknownTenant, InvalidTenant, psycopg.Error.
    """
    if not _TENANT.fullmatch(tenant):
        raise InvalidTenant(f"'{tenant}' is not a tenant: lower-case letters, digits, '-' and '_', at most 63")
    key = KEY_SCHEME + secrets.token_urlsafe(32)
    prefix = key[:_PREFIX_LENGTH]
    with connection.transaction():
        if create_tenant:
            connection.execute("INSERT INTO tenants (id) VALUES (%s) ON CONFLICT (id) DO NOTHING", (tenant,))
        row = connection.execute(
            "INSERT INTO api_keys (tenant, hash, prefix, name) SELECT id, %s, %s, %s FROM tenants WHERE id = %s"
            " RETURNING id",
            (hash_key(key), prefix, name, tenant),
        ).fetchone()
    if row is None:
        raise UnknownTenant(f"there is no tenant '{tenant}'")
    return NewKey(row[0], tenant, prefix, key)


_COLUMNS = "id, tenant, prefix, name, created_at, revoked_at"


def list_keys(connection: Connection, tenant: str = "") -> list[KeyInfo]:
    """Keys of one tenant, or of all; revoked ones too, oldest first. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM api_keys WHERE %s = '' OR tenant = %s ORDER BY created_at, id", (tenant, tenant)
    )
    return [KeyInfo(*row) for row in rows]


def revoke_key(connection: Connection, which: str) -> KeyInfo:
    """Revoke the key with this id or prefix; one revoked before keeps its time. Raises UnknownKey, psycopg.Error."""
    with connection.transaction():
        found = connection.execute("SELECT id FROM api_keys WHERE id::text = %s OR prefix = %s", (which, which))
        ids = [row[0] for row in found]
        if len(ids) != 1:
            raise UnknownKey(f"{'no key has' if not ids else 'several keys have'} the id or prefix '{which}'")
        row = connection.execute(
            f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s RETURNING {_COLUMNS}", ids
        ).fetchone()
    if row is None:
        raise UnknownKey(f"the key '{which}' was removed meanwhile")
    return KeyInfo(*row)


_CLASSES = "retention_class_traces, retention_class_metrics, retention_class_logs"


def find_by_hash(connection: Connection, hashes: Iterable[bytes]) -> dict[bytes, Tenant]:
    """Tenants of the keys that are valid now, by the key's hash. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT k.hash, t.id, {_CLASSES} FROM api_keys k JOIN tenants t ON t.id = k.tenant "
        "WHERE k.revoked_at IS NULL AND k.hash = ANY(%s)",
        (list(hashes),),
    )
    return {bytes(row[0]): Tenant(row[1], (row[2], row[3], row[4])) for row in rows}


def find_tenant(connection: Connection, tenant: str) -> Tenant | None:
    """A tenant by its id. Raises psycopg.Error."""
    row = connection.execute(f"SELECT id, {_CLASSES} FROM tenants WHERE id = %s", (tenant,)).fetchone()
    return None if row is None else Tenant(row[0], (row[1], row[2], row[3]))
