"""Where in the log the versions of rules took effect. The table decides: a record that it does not name is a repeat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from otelhouse.postgres import Connection
from otelhouse.rules.rule import Kind


@dataclass(frozen=True, slots=True)
class Effect:
    """A version is in force in a partition from this offset on."""

    kind: Kind
    tenant: str
    version: int
    topic: str
    partition: int
    offset: int


def effects(connection: Connection, kind: Kind, tenant: str, version: int) -> list[Effect]:
    """Of one version, by topic and partition. Raises psycopg.Error."""
    rows = connection.execute(
        'SELECT topic, partition, "offset" FROM rule_effects WHERE kind = %s AND tenant = %s AND version = %s'
        " ORDER BY topic, partition",
        (kind, tenant, version),
    )
    return [Effect(kind, tenant, version, *row) for row in rows]


def record(connection: Connection, found: Iterable[Effect]) -> None:
    """Decide where versions take effect; what was decided before stays. Raises psycopg.Error."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO rule_effects (kind, tenant, version, topic, partition, "offset")'
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(each.kind, each.tenant, each.version, each.topic, each.partition, each.offset) for each in found],
        )
