"""Windows of metrics, stored with what a tenant's recording rules make of them, as a processor would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otelhouse import clickhouse, postgres
from otelhouse.bus.contract import TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import Settings
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, RuleStore
from processor.build import Builder, Built
from processor.metrics_rows.state import MetricsState
from processor.recording.state import Recording
from processor.rules import RECORDING, SERIES, Form, PartitionRules, Version
from processor.sink import Sink
from processor.window import Window
from schema.clickhouse_ddl import Layout
from schema.signal import Signal


class Always:
    """A tenant's rule of each kind, if it is given, is in force from the first record on."""

    def __init__(self, form: Form[Any], tenant: str = "", document: Mapping[str, Any] | None = None) -> None:
        self._found = {} if document is None else {tenant: [Version(-1, 1, form.parse(document))]}

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[Any]]]:
        return self._found


class Patient:
    """Waits for nothing, and never gives up."""

    def pause(self, seconds: float) -> bool:
        return False


def put(settings: Settings, tenant: str, document: Mapping[str, Any]) -> None:
    """Have the metadata store say that these are the tenant's rules."""
    with postgres.connect(settings.postgres) as connection:
        RuleStore(connection).apply([Change(tenant, Kind.RECORDING, document)], "test")


def keep(settings: Settings, made: Iterable[Built]) -> None:
    """Store what windows yielded."""
    sink = Sink(lambda: clickhouse.connect(settings.clickhouse), Layout(settings.clickhouse.database), SystemClock())
    for built in made:
        for rows in built.shared:
            sink.store_shared(rows, Patient())
        for block in built.blocks:
            sink.store(block, False, Patient())
    sink.close()


def store(settings: Settings, tenant: str, document: Mapping[str, Any], windows: Iterable[Window]) -> None:
    """Put rules into force, and store windows of one partition."""
    put(settings, tenant, document)
    name = TopicPartition(Signal.METRICS.topic, 0)  # rules are in force in all
    recording = Recording(PartitionRules(RECORDING, Always(RECORDING, tenant, document), name))
    state = MetricsState(PartitionRules(SERIES, Always(SERIES), name), recording)
    builder = Builder()
    keep(settings, (builder.build(window, state) for window in windows))
