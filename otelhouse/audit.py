"""The audit log: who changed what. A change and its entry are one transaction: neither is without the other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otelhouse.postgres import Connection

Said = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `object` names what was changed within the tenant; `before` and `after` hold no secret."""

    id: int
    at: datetime
    actor: str
    action: str
    tenant: str
    object: str
    before: Said
    after: Said


def write(
    connection: Connection,
    actor: str,
    action: str,
    tenant: str = "",
    object: str = "",
    before: Said = None,
    after: Said = None,
) -> None:
    """Add an entry; call it inside the change's own transaction. Raises psycopg.Error."""
    connection.execute(
        "INSERT INTO audit_log (actor, action, tenant, object, before, after) VALUES (%s, %s, %s, %s, %s, %s)",
        (actor, action, tenant, object, _json(before), _json(after)),
    )


def read(connection: Connection, tenant: str = "", limit: int = 100) -> list[Entry]:
    """The newest entries, of one tenant or of all, newest first. Raises psycopg.Error."""
    rows = connection.execute(
        "SELECT id, at, actor, action, tenant, object, before, after FROM audit_log"
        " WHERE %s = '' OR tenant = %s ORDER BY id DESC LIMIT %s",
        (tenant, tenant, limit),
    )
    return [Entry(*row) for row in rows]


def _json(said: Said) -> str | None:
    return None if said is None else json.dumps(said, default=str, sort_keys=True)
