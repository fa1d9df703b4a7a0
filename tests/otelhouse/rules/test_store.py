"""Rules in a real PostgreSQL: versions, all or nothing, and a log of who did it."""

from __future__ import annotations

import threading

import psycopg
import pytest

from otelhouse import audit, postgres
from otelhouse.callers import find_tenant
from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection
from otelhouse.rules.errors import InvalidRule, RuleOfNobody, UnknownRule
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, ConfigRule, RuleStore

RETENTION = Kind.RETENTION


def change(document: dict[str, object], tenant: str = "default", kind: Kind = RETENTION, origin: str = "") -> Change:
    return Change(tenant, kind, document, origin)


def nested(depth: int) -> dict[str, object]:
    document: dict[str, object] = {}
    for _ in range(depth):
        document = {"a": document}
    return document


@pytest.fixture
def store(connection: Connection) -> RuleStore:
    return RuleStore(connection)


def test_versions_count_from_one_and_the_newest_is_in_force(store: RuleStore) -> None:
    assert store.get(RETENTION, "default") is None
    for number in (1, 2):
        (applied,) = store.apply([change({"logs": number})], "ann", f"note {number}")
        assert (applied.version, applied.changed) == (number, True)
    newest = store.get(RETENTION, "default")
    assert newest is not None
    assert (newest.version, newest.document, newest.author, newest.note) == (2, {"logs": 2}, "ann", "note 2")
    assert store.list() == store.list("default") == [newest]
    assert store.list("nobody") == []
    assert [rule.document for rule in store.history(RETENTION, "default")] == [{"logs": 2}, {"logs": 1}]


def test_the_same_document_makes_no_new_version(store: RuleStore, connection: Connection) -> None:
    store.apply([change({"logs": 1, "traces": 2})], "ann")
    (again,) = store.apply([change({"traces": 2, "logs": 1})], "bob")
    assert (again.version, again.changed) == (1, False)
    (nothing,) = store.apply([change({}, kind=RETENTION)], "bob")
    assert nothing.version == 2
    assert len(audit.read(connection)) == 2


def test_the_empty_document_of_a_tenant_without_a_rule_is_in_force_already(store: RuleStore) -> None:
    (applied,) = store.apply([change({})], "ann")
    assert (applied.version, applied.changed) == (0, False)


def test_all_are_applied_or_none(store: RuleStore, connection: Connection) -> None:
    with pytest.raises(RuleOfNobody, match="'nobody'"):
        store.apply([change({"logs": 1}), change({"logs": 1}, "nobody")], "ann")
    with pytest.raises(InvalidRule, match=r"^b\.yaml: logs: "):
        store.apply([change({"logs": 1}), change({"logs": 9}, "other", origin="b.yaml")], "ann")
    with pytest.raises(InvalidRule, match="there twice"):
        store.apply([change({"logs": 1}), change({"logs": 2})], "ann")
    assert store.list() == []
    assert audit.read(connection) == []


def test_a_dry_run_says_what_would_change_and_changes_nothing(store: RuleStore, connection: Connection) -> None:
    store.apply([change({"logs": 1})], "ann")
    before = connection.execute("SELECT count(*), (SELECT count(*) FROM changes) FROM audit_log").fetchall()
    (applied,) = store.apply([change({"logs": 2})], "ann", dry_run=True)
    assert (applied.version, applied.changed, applied.before) == (2, True, {"logs": 1})
    assert [rule.version for rule in store.list()] == [1]
    assert connection.execute("SELECT count(*), (SELECT count(*) FROM changes) FROM audit_log").fetchall() == before


def test_going_back_is_a_new_version(store: RuleStore) -> None:
    for number in (1, 2):
        store.apply([change({"logs": number})], "ann")
    assert store.roll_back(RETENTION, "default", 1, "ann").version == 3
    assert store.roll_back(RETENTION, "default", 0, "ann").version == 4
    documents = [(rule.document, rule.note) for rule in store.history(RETENTION, "default")]
    assert documents[:2] == [({}, "back to version 0"), ({"logs": 1}, "back to version 1")]
    with pytest.raises(UnknownRule, match="no version 9"):
        store.roll_back(RETENTION, "default", 9, "ann")


def test_retention_reaches_the_tenant_s_row(store: RuleStore, connection: Connection) -> None:
    """Where ingest, and the release before, read it."""
    store.apply([change({"traces": 1, "logs": 3})], "ann")
    keyless = find_tenant(connection, "default")
    assert keyless is not None
    assert keyless.tenant.retention_classes == (1, 0, 3)


def test_who_applies_at_the_same_time_gets_the_next_version(settings: PostgresSettings, store: RuleStore) -> None:
    def apply(number: int) -> None:
        with postgres.connect(settings) as connection:
            RuleStore(connection).apply([change({"logs": number})], "ann")

    threads = [threading.Thread(target=apply, args=(number,)) for number in range(1, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rule.version for rule in store.history(RETENTION, "default")] == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("table", ["rules", "audit_log"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET tenant = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_history_is_only_ever_added_to(store: RuleStore, connection: Connection, table: str, sql: str) -> None:
    store.apply([change({"logs": 1})], "ann")
    with pytest.raises(psycopg.errors.IntegrityError, match="only ever added to"):
        connection.execute(sql.format(table))


@pytest.mark.parametrize(
    ("kind", "document", "problem"),
    [
        (RETENTION, {"logs": 8}, "^logs: "),
        (RETENTION, {"logs": "1"}, "^logs: "),
        (RETENTION, {"log": 1}, "^log: is no setting here"),
        (RETENTION, {"logs": float("nan")}, "JSON cannot"),
        (RETENTION, {"a": {"b": ["\0"]}}, r"^a\.b\[0\]: holds a NUL"),
        (RETENTION, {1: 2}, "not a string"),
        (RETENTION, nested(5000), "JSON cannot"),
        (RETENTION, {"a": "x" * (1 << 20)}, "bytes, more than"),
        (Kind.RECORDING, {"groups": [{"name": "g", "rules": [{"expr": "x"}]}]}, r"groups\[0\].rules\[0\]: 'record'"),
    ],
)
def test_a_wrong_document_is_refused_by_its_place(
    store: RuleStore, kind: Kind, document: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidRule, match=problem):
        store.apply([change(document, kind=kind)], "ann")


def test_a_config_rule_is_a_version_when_it_differs(store: RuleStore) -> None:
    wanted = ConfigRule(RETENTION, "default", {"logs": 1}, "x")
    assert store.apply_config_rule(wanted).changed
    assert not store.apply_config_rule(wanted).changed
    rule = store.get(RETENTION, "default")
    assert rule is not None
    assert (rule.author, rule.note) == ("config", "from x")


def test_a_config_rule_may_leave_what_else_is_said(store: RuleStore) -> None:
    store.apply([change({"logs": 1, "traces": 2})], "ann")
    applied = store.apply_config_rule(ConfigRule(RETENTION, "default", {"logs": 3}, "x", merge=True))
    assert applied.change.document == {"logs": 3, "traces": 2}
