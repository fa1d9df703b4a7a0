"""Tenants in PostgreSQL. A tenant is never deleted: its data carries its id. One that is disabled may do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otelhouse import audit
from otelhouse.keys import InvalidTenant, UnknownTenant, check_tenant_name, insert_tenant
from otelhouse.postgres import Connection


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """A tenant as an operator sees it. `retention_classes` of traces, metrics and logs."""

    id: str
    name: str
    retention_classes: tuple[int, int, int]
    created_at: datetime
    disabled_at: datetime | None


_COLUMNS = "id, name, retention_class_traces, retention_class_metrics, retention_class_logs, created_at, disabled_at"


def create(connection: Connection, tenant: str, name: str, actor: str) -> None:
    """Make a tenant. Raises InvalidTenant, also for one that exists; psycopg.Error."""
    check_tenant_name(tenant)
    with connection.transaction():
        if not insert_tenant(connection, tenant, name, actor):
            raise InvalidTenant(f"there is a tenant '{tenant}' already")


def list_tenants(connection: Connection) -> list[TenantInfo]:
    """All tenants by id. Raises psycopg.Error."""
    return [_info(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM tenants ORDER BY id")]


def get(connection: Connection, tenant: str) -> TenantInfo:
    """One tenant. Raises UnknownTenant, psycopg.Error."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM tenants WHERE id = %s", (tenant,)).fetchone()
    if row is None:
        raise UnknownTenant(f"there is no tenant '{tenant}'")
    return _info(row)


def set_disabled(connection: Connection, tenant: str, disabled: bool, actor: str) -> bool:
    """Disable or enable; False if it was so. Callers notice within seconds. Raises UnknownTenant, psycopg.Error."""
    with connection.transaction():
        before = get(connection, tenant)
        changed = connection.execute(
            "UPDATE tenants SET disabled_at = CASE WHEN %s THEN now() END"
            " WHERE id = %s AND (disabled_at IS NOT NULL) <> %s RETURNING disabled_at",
            (disabled, tenant, disabled),
        ).fetchone()
        if changed is None:
            return False
        action = "tenant.disable" if disabled else "tenant.enable"
        was, became = {"disabled_at": before.disabled_at}, {"disabled_at": changed[0]}
        audit.write(connection, actor, action, tenant, "", was, became)
    return True


def _info(row: tuple[Any, ...]) -> TenantInfo:
    tenant, name, traces, metrics, logs, created_at, disabled_at = row
    return TenantInfo(tenant, name, (traces, metrics, logs), created_at, disabled_at)
