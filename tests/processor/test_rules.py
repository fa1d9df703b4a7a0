"""Versions of rules as a partition learns them from its log and from PostgreSQL, each kind for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from otelhouse.bus.contract import TopicPartition
from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection, connect
from otelhouse.rules.documents.span_metrics import SpanMetrics
from otelhouse.rules.effects import Effect, record
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change as Wanted
from otelhouse.rules.store import RuleStore
from processor.rules import SAMPLING, SPAN_METRICS, NotKnown, PartitionRules, StoredRules
from processor.window import Change
from schema.record import RuleChange
from tests.support.postgres import migrate_postgres

NAME = TopicPartition("telemetry.traces", 3)
POLICIES = {"policies": [{"name": "all", "type": "always_sample"}]}


@pytest.fixture
def settings(postgres_url: str) -> PostgresSettings:
    migrate_postgres(postgres_url)
    return PostgresSettings(url=SecretStr(postgres_url))


@pytest.fixture
def store(settings: PostgresSettings) -> Iterator[Connection]:
    with connect(settings) as made:
        yield made


def put(store: Connection, kind: Kind, document: dict[str, Any], offset: int | None) -> None:
    """A version of the tenant `default`; in force from an offset on, if that is written down."""
    (applied,) = RuleStore(store).apply([Wanted("default", kind, document)], "test")
    if offset is not None:
        record(store, [Effect(kind, "default", applied.version, NAME.topic, NAME.partition, offset)])


def change(kind: Kind, version: int, offset: int) -> Change:
    return Change(offset, 0, RuleChange(kind, "default", version))


def test_each_kind_has_versions_of_its_own(settings: PostgresSettings, store: Connection) -> None:
    put(store, Kind.SAMPLING, POLICIES, 10)
    put(store, Kind.SPAN_METRICS, {"dimensions": ["a"]}, 20)
    put(store, Kind.SPAN_METRICS, {"red": False}, 30)
    sampling = PartitionRules(SAMPLING, StoredRules(settings, SAMPLING), NAME)
    measured = PartitionRules(SPAN_METRICS, StoredRules(settings, SPAN_METRICS), NAME)
    assert [version.offset for version in sampling.versions("default")] == [10]
    assert sampling.version("default", 10).says is None
    assert sampling.version("default", 11).says is not None
    assert [measured.version("default", offset).says for offset in (20, 21, 30, 31)] == [
        SpanMetrics(), SpanMetrics(dimensions=("a",)), SpanMetrics(dimensions=("a",)), SpanMetrics(red=False)
    ]  # fmt: skip
    assert measured.version("another", 100).says == SpanMetrics()


def test_a_change_is_learnt_by_its_record_and_other_kinds_are_passed_over(
    settings: PostgresSettings, store: Connection
) -> None:
    measured = PartitionRules(SPAN_METRICS, StoredRules(settings, SPAN_METRICS), NAME)
    put(store, Kind.SPAN_METRICS, {"max_series": 7}, None)
    measured.learn([change(Kind.SAMPLING, 1, 3)])
    with pytest.raises(NotKnown, match="version 1 of the span_metrics rule of tenant 'default'"):
        measured.learn([change(Kind.SPAN_METRICS, 1, 5)])
    record(store, [Effect(Kind.SPAN_METRICS, "default", 1, NAME.topic, NAME.partition, 6)])
    measured.learn([change(Kind.SPAN_METRICS, 1, 5), change(Kind.SPAN_METRICS, 1, 6)])
    assert [(version.offset, version.says) for version in measured.versions("default")] == [
        (6, SpanMetrics(max_series=7))
    ]


def test_a_document_of_a_newer_release_is_as_none(settings: PostgresSettings, store: Connection) -> None:
    put(store, Kind.SPAN_METRICS, {"red": False}, 5)
    store.execute("INSERT INTO rules (tenant, kind, version, document, author) VALUES"
                  " ('default', 'span_metrics', 2, '{\"heatmaps\": true}', 'newer')")  # fmt: skip
    record(store, [Effect(Kind.SPAN_METRICS, "default", 2, NAME.topic, NAME.partition, 9)])
    measured = PartitionRules(SPAN_METRICS, StoredRules(settings, SPAN_METRICS), NAME)
    assert [version.says for version in measured.versions("default")] == [SpanMetrics(red=False), SpanMetrics()]


def test_without_postgres_nothing_is_known(settings: PostgresSettings) -> None:
    away = PostgresSettings(url=SecretStr("postgresql://localhost:1/nothing"))
    with pytest.raises(NotKnown):
        PartitionRules(SPAN_METRICS, StoredRules(away, SPAN_METRICS), NAME)
