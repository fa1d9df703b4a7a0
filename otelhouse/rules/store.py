"""Rules in PostgreSQL: every version of every document, only ever added to, each with an entry in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otelhouse import audit
from otelhouse.postgres import CHANGES_LOCK, Connection
from otelhouse.rules.documents import parse
from otelhouse.rules.documents.retention import Retention
from otelhouse.rules.errors import InvalidRule, RuleOfNobody, UnknownRule
from otelhouse.rules.rule import Kind, Rule

CONFIG_AUTHOR = "config"
"""Author of the rules that settings put into force at start."""

_COLUMNS = "tenant, kind, version, document, created_at, author, note"


@dataclass(frozen=True, slots=True)
class Change:
    """A document that someone wants in force. `origin` names it in errors: a file, say."""

    tenant: str
    kind: Kind
    document: Mapping[str, Any]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ConfigRule:
    """A rule that the setting `setting` wants in force at start. `merge`: other keys of the document stay."""

    kind: Kind
    tenant: str
    document: Mapping[str, Any]
    setting: str
    merge: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a change: the version now in force, and the document before it ({} without one)."""

    change: Change
    version: int
    changed: bool
    before: Mapping[str, Any]


class RuleStore:
    """Thread-safe as far as the connection is. All methods raise psycopg.Error when PostgreSQL does not do its part."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def apply(self, changes: Sequence[Change], author: str, note: str = "", dry_run: bool = False) -> list[Applied]:
        """Put all into force, or none. A document that is in force already makes no new version.

        Documents are checked before anything is stored. Raises InvalidRule, RuleOfNobody.
        """
        _check(changes)
        with self._connection.transaction(force_rollback=dry_run):
            # First of all locks, so that two who apply wait for each other here and nowhere else.
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (CHANGES_LOCK,))
            self._check_tenants(changes)
            return [self._apply(change, author, note) for change in changes]

    def get(self, kind: Kind, tenant: str, version: int | None = None) -> Rule | None:
        """A version, by default the newest; None if there is none."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM rules WHERE kind = %s AND tenant = %s"
            " AND (%s::integer IS NULL OR version = %s) ORDER BY version DESC LIMIT 1",
            (kind, tenant, version, version),
        ).fetchone()
        return None if row is None else _rule(row)

    def list(self, tenant: str = "", kind: Kind | None = None) -> list[Rule]:
        """The newest version of each rule, by tenant and kind. Kinds that only a newer release knows are left out."""
        rows = self._connection.execute(
            f"SELECT DISTINCT ON (tenant, kind) {_COLUMNS} FROM rules"
            " WHERE (%s = '' OR tenant = %s) AND kind = ANY(%s) ORDER BY tenant, kind, version DESC",
            (tenant, tenant, [kind] if kind else list(Kind)),
        )
        return [_rule(row) for row in rows]

    def history(self, kind: Kind, tenant: str) -> Sequence[Rule]:
        """All versions, newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM rules WHERE kind = %s AND tenant = %s ORDER BY version DESC", (kind, tenant)
        )
        return [_rule(row) for row in rows]

    def roll_back(self, kind: Kind, tenant: str, version: int, author: str, note: str = "") -> Applied:
        """Put an earlier document into force again, as a new version; version 0 is the built-in default.

        Raises UnknownRule, InvalidRule (a release may have become stricter), RuleOfNobody.
        """
        document: Mapping[str, Any] = {}
        if version:
            rule = self.get(kind, tenant, version)
            if rule is None:
                raise UnknownRule(f"there is no version {version} of the {kind} rule of tenant '{tenant}'")
            document = rule.document
        change = Change(tenant, kind, document)
        return self.apply([change], author, note or f"back to version {version}")[0]

    def apply_config_rule(self, wanted: ConfigRule) -> Applied:
        """What a setting wants for a tenant at start: a new version if another document is in force."""
        held = self.get(wanted.kind, wanted.tenant) if wanted.merge else None
        document = {**(held.document if held else {}), **wanted.document}
        change = Change(wanted.tenant, wanted.kind, document, wanted.setting)
        return self.apply([change], CONFIG_AUTHOR, f"from {wanted.setting}")[0]

    def _check_tenants(self, changes: Iterable[Change]) -> None:
        named = {change.tenant for change in changes}
        rows = self._connection.execute("SELECT id FROM tenants WHERE id = ANY(%s) FOR NO KEY UPDATE", (list(named),))
        missing = sorted(named - {row[0] for row in rows})
        if missing:
            raise RuleOfNobody(f"there is no tenant '{missing[0]}'")

    def _apply(self, change: Change, author: str, note: str) -> Applied:
        before = self.get(change.kind, change.tenant)
        held: Mapping[str, Any] = before.document if before else {}
        version = before.version if before else 0
        # Compared as PostgreSQL keeps it: without order of keys, and with 1 equal to 1.0.
        document = json.dumps(change.document, allow_nan=False)
        inserted = self._connection.execute(
            "INSERT INTO rules (tenant, kind, version, document, author, note)"
            " SELECT %s, %s, %s, %s, %s, %s WHERE %s::jsonb <> %s::jsonb RETURNING document",
            (change.tenant, change.kind, version + 1, document, author, note, document, json.dumps(held)),
        ).fetchone()
        if inserted is None:
            return Applied(change, version, False, held)
        if change.kind is Kind.RETENTION:
            self._set_classes(change)
        audit.write(
            self._connection,
            author,
            "rule.apply",
            change.tenant,
            change.kind,
            {"version": version},
            {"version": version + 1, "note": note},
        )
        return Applied(change, version + 1, True, held)

    def _set_classes(self, change: Change) -> None:
        """Ingest, and the release before, read a tenant's classes from its row."""
        classes = parse(change.kind, change.document)
        if isinstance(classes, Retention):
            self._connection.execute(
                "UPDATE tenants SET retention_class_traces = %s, retention_class_metrics = %s,"
                " retention_class_logs = %s WHERE id = %s",
                (classes.traces, classes.metrics, classes.logs, change.tenant),
            )


def _check(changes: Iterable[Change]) -> None:
    seen: dict[tuple[str, Kind], str] = {}
    for change in changes:
        where = f"{change.origin}: " if change.origin else ""
        name = (change.tenant, change.kind)
        if name in seen:
            raise InvalidRule("", f"{where}the {change.kind} rule of tenant '{change.tenant}' is there twice")
        seen[name] = change.origin
        try:
            parse(change.kind, change.document)
        except InvalidRule as error:
            raise InvalidRule("", f"{where}{error}") from None


def _rule(row: tuple[Any, ...]) -> Rule:
    tenant, kind, version, document, created_at, author, note = row
    return Rule(tenant, Kind(kind), version, document, created_at, author, note)
