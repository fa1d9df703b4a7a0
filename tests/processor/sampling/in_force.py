"""Puts a rule into force as ingest does: a version in PostgreSQL, and where in the log it begins."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from otelhouse import postgres
from otelhouse.bus.contract import Log, Outgoing
from otelhouse.config import PostgresSettings
from otelhouse.rules.effects import Effect, record
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from schema.record import RuleChange
from schema.signal import Signal


def put_in_force(
    log: Log, postgres_url: str, partitions: int, tenant: str, document: Mapping[str, Any], kind: Kind = Kind.SAMPLING
) -> None:
    """From here on in each partition of its topic; the tenant is made if it is not there."""
    topic = (Signal.METRICS if kind in (Kind.SERIES, Kind.RECORDING) else Signal.TRACES).topic
    with (
        contextlib.closing(log.producer()) as producer,
        postgres.connect(PostgresSettings(url=SecretStr(postgres_url))) as connection,
    ):
        connection.execute("INSERT INTO tenants (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", (tenant, tenant))
        (applied,) = RuleStore(connection).apply([Change(tenant, kind, document)], "test")
        if not applied.version:
            return  # nobody ever set another than the default
        headers = RuleChange(kind, tenant, applied.version).headers()
        offsets = producer.publish([Outgoing(topic, n, b"", headers) for n in range(partitions)]).result(30)
        record(
            connection,
            [
                Effect(kind, tenant, applied.version, topic, partition, offset)
                for partition, offset in enumerate(offsets)
                if isinstance(offset, int)
            ],
        )
