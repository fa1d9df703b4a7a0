"""Clients that show a certificate: which tenant a subject alternative name belongs to, and what its bearer may do.

A name is written with its type before it: `URI:spiffe://example/agent`, `DNS:agent.example`. Whether a certificate is
valid is the front's business; here only names are looked up.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otelhouse import audit
from otelhouse.keys import KeysError, Scope, UnknownKey, UnknownTenant
from otelhouse.postgres import Connection

_TYPES = ("URI:", "DNS:")
_LONGEST = 2048


class InvalidName(KeysError):
    """This is no subject alternative name, or it is another tenant's."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A name as an operator sees it."""

    san: str
    tenant: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None


_COLUMNS = "san, tenant, scopes, created_at, revoked_at"


def normalised(san: str) -> str:
    """A name as it is stored: host names in lower case. Raises InvalidName."""
    kind, name = san[:4].upper(), san[4:]
    if kind not in _TYPES or not name or len(san) > _LONGEST:
        raise InvalidName(f"'{san}' is no name of a certificate: write it as URI:... or DNS:...")
    return kind + (name.lower() if kind == "DNS:" else name)


def add(connection: Connection, san: str, tenant: str, scopes: Collection[Scope], actor: str) -> Certificate:
    """Give a name to a tenant; one that was revoked may be given again. Raises InvalidName, UnknownTenant."""
    san = normalised(san)
    with connection.transaction():
        if connection.execute("SELECT 1 FROM tenants WHERE id = %s", (tenant,)).fetchone() is None:
            raise UnknownTenant(f"there is no tenant '{tenant}'")
        row = connection.execute(
            "INSERT INTO certificates (san, tenant, scopes) VALUES (%s, %s, %s) ON CONFLICT (san) DO UPDATE"
            " SET tenant = excluded.tenant, scopes = excluded.scopes, created_at = now(), revoked_at = NULL"
            f" WHERE certificates.revoked_at IS NOT NULL RETURNING {_COLUMNS}",
            (san, tenant, sorted(scopes)),
        ).fetchone()
        if row is None:
            raise InvalidName(f"'{san}' belongs to a tenant already: revoke it first")
        audit.write(connection, actor, "certificate.add", tenant, san, None, {"scopes": sorted(scopes)})
    return _certificate(row)


def list_certificates(connection: Connection, tenant: str = "") -> list[Certificate]:
    """Names of one tenant, or of all; revoked ones too. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM certificates WHERE %s = '' OR tenant = %s ORDER BY tenant, san", (tenant, tenant)
    )
    return [_certificate(row) for row in rows]


def revoke(connection: Connection, san: str, actor: str) -> Certificate:
    """Take a name from its tenant. Raises InvalidName, UnknownKey, psycopg.Error."""
    san = normalised(san)
    with connection.transaction():
        row = connection.execute(
            f"UPDATE certificates SET revoked_at = now() WHERE san = %s AND revoked_at IS NULL RETURNING {_COLUMNS}",
            (san,),
        ).fetchone()
        if row is None:
            raise UnknownKey(f"no certificate with the name '{san}' is in use")
        certificate = _certificate(row)
        audit.write(
            connection,
            actor,
            "certificate.revoke",
            certificate.tenant,
            san,
            None,
            {"revoked_at": certificate.revoked_at},
        )
    return certificate


def _certificate(row: tuple[Any, ...]) -> Certificate:
    san, tenant, scopes, created_at, revoked_at = row
    return Certificate(san, tenant, tuple(Scope(scope) for scope in scopes), created_at, revoked_at)
