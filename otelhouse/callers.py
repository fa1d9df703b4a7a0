"""Who calls, as PostgreSQL knows it now: by a key's prefix, by a certificate's name, or as who needs neither."""

from __future__ import annotations

from collections.abc import Iterable

from otelhouse.keys import DEFAULT_SCOPES, Principal, Scope, Tenant, hash_key
from otelhouse.postgres import Connection

_CLASSES = "retention_class_traces, retention_class_metrics, retention_class_logs"

Found = list[tuple[str, bytes, Principal]]
"""Credentials: what finds it (a key's prefix, a certificate's name), its hash, and whose it is."""


def find_by_prefix(connection: Connection, prefixes: Iterable[str]) -> Found:
    """The keys with these prefixes that are valid now. Raises psycopg.Error."""
    rows = connection.execute(
        "SELECT k.prefix, k.hash, k.id::text, k.scopes, extract(epoch FROM k.expires_at)::float8,"
        f" t.disabled_at IS NOT NULL, t.id, {_CLASSES} FROM api_keys k JOIN tenants t ON t.id = k.tenant"
        " WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND k.prefix = ANY(%s)",
        (list(prefixes),),
    )
    return [(row[0], bytes(row[1]), _principal(*row[2:])) for row in rows]


def find_by_san(connection: Connection, sans: Iterable[str]) -> Found:
    """The certificates' names among these that are a tenant's. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT c.san, c.scopes, t.disabled_at IS NOT NULL, t.id, {_CLASSES} FROM certificates c"
        " JOIN tenants t ON t.id = c.tenant WHERE c.revoked_at IS NULL AND c.san = ANY(%s)",
        (list(sans),),
    )
    return [(row[0], hash_key(row[0]), _principal(row[0], row[1], None, *row[2:])) for row in rows]


def find_tenant(connection: Connection, tenant: str) -> Principal | None:
    """A tenant by its id, as who needs no key is. Raises psycopg.Error."""
    row = connection.execute(
        f"SELECT disabled_at IS NOT NULL, id, {_CLASSES} FROM tenants WHERE id = %s", (tenant,)
    ).fetchone()
    return None if row is None else _principal("", DEFAULT_SCOPES, None, *row)


def _principal(
    identity: str,
    scopes: Iterable[str],
    expires_at: float | None,
    disabled: bool,
    tenant: str,
    *classes: int,
) -> Principal:
    traces, metrics, logs = classes
    known = frozenset(Scope(scope) for scope in scopes)
    return Principal(Tenant(tenant, (traces, metrics, logs)), identity, known, expires_at, disabled)
