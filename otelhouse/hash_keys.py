"""Secrets of the keyed hashes that masking writes in place of values, so that equal values still join.

The newest secret of a tenant is the one in use. A new one ends the joining with what was hashed before; destroying an
old one makes what was hashed under it irrecoverable, even for who could try all values.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from otelhouse import audit
from otelhouse.keys import UnknownTenant
from otelhouse.postgres import CHANGES_LOCK, Connection

SECRET_BYTES = 32


class HashKeysError(Exception):
    """What cannot be done to a hash key; one line for the operator."""


@dataclass(frozen=True, slots=True)
class HashKeyInfo:
    """A hash key as an operator sees it: never its secret."""

    tenant: str
    id: int
    created_at: datetime
    destroyed_at: datetime | None


def list_hash_keys(connection: Connection, tenant: str = "") -> list[HashKeyInfo]:
    """Of one tenant, or of all, oldest first. Raises psycopg.Error."""
    rows = connection.execute(
        "SELECT tenant, id, created_at, destroyed_at FROM hash_keys WHERE %s = '' OR tenant = %s ORDER BY tenant, id",
        (tenant, tenant),
    )
    return [HashKeyInfo(*row) for row in rows]


def rotate(connection: Connection, tenant: str, actor: str) -> int:
    """Use a new secret from now on; returns its id. Raises UnknownTenant, psycopg.Error."""
    with connection.transaction():
        _lock(connection, tenant)
        return _rotate(connection, tenant, actor)


def destroy(connection: Connection, tenant: str, key: int, actor: str) -> int | None:
    """Destroy a secret. The one in use is replaced first: the id of its successor is returned, else None.

    Overwrites the row and rewrites the table's file; what PostgreSQL's own log and backups hold ends with them.
    Raises UnknownTenant, HashKeysError, psycopg.Error.
    """
    successor: int | None = None
    with connection.transaction():
        newest = _lock(connection, tenant)
        if key == newest:
            successor = _rotate(connection, tenant, actor)
        row = connection.execute(
            "UPDATE hash_keys SET secret = NULL, destroyed_at = now()"
            " WHERE tenant = %s AND id = %s AND secret IS NOT NULL RETURNING destroyed_at",
            (tenant, key),
        ).fetchone()
        if row is None:
            raise HashKeysError(f"tenant '{tenant}' has no hash key {key}, or it was destroyed before")
        audit.write(connection, actor, "hash_key.destroy", tenant, str(key), None, {"destroyed_at": row[0]})
    connection.execute("VACUUM (FULL) hash_keys")
    return successor


def _lock(connection: Connection, tenant: str) -> int:
    """Wait for who else changes this; returns the newest key's id."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (CHANGES_LOCK,))
    row = connection.execute(
        "SELECT coalesce(max(k.id), 0) FROM tenants t LEFT JOIN hash_keys k ON k.tenant = t.id"
        " WHERE t.id = %s GROUP BY t.id",
        (tenant,),
    ).fetchone()
    if row is None:
        raise UnknownTenant(f"there is no tenant '{tenant}'")
    return int(row[0])


def _rotate(connection: Connection, tenant: str, actor: str) -> int:
    row = connection.execute(
        "INSERT INTO hash_keys (tenant, id, secret)"
        " SELECT %s, coalesce(max(id), 0) + 1, %s FROM hash_keys WHERE tenant = %s RETURNING id",
        (tenant, secrets.token_bytes(SECRET_BYTES), tenant),
    ).fetchone()
    made = int(row[0]) if row else 0
    audit.write(connection, actor, "hash_key.create", tenant, str(made))
    return made
