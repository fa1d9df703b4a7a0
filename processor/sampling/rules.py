"""Which version of a tenant's sampling rule is in force at an offset of a partition: a function of the log.

PostgreSQL says which control record puts a version into force (`rule_effects`), and what the version says. What was
read once never changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from otelhouse import postgres
from otelhouse.bus.contract import TopicPartition
from otelhouse.config import PostgresSettings
from otelhouse.rules.documents.sampling import parse
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind
from otelhouse.sampling.config import TailSampling
from otelhouse.telemetry import get_logger
from processor.window import Change
from schema.record import RuleChange

_log = get_logger(__name__)


class NotKnown(Exception):
    """The metadata store cannot say now what is in force; ask again."""


@dataclass(frozen=True, slots=True)
class Version:
    """A tenant's rule from an offset on; `sampling` None: nothing is sampled."""

    offset: int
    number: int
    sampling: TailSampling | None


class Source(Protocol):
    """Where versions are looked up. Raises NotKnown."""

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version]]:
        """By tenant, by offset: all that took effect in a partition, or those of a tenant from a number on."""


class StoredRules:
    """The source in PostgreSQL. Thread-safe: each question has a connection of its own; they are rare."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version]]:
        """See Source."""
        found: dict[str, list[Version]] = {}
        try:
            with postgres.connect(self._settings) as connection:
                rows = connection.execute(
                    'SELECT tenant, "offset", version, document FROM rule_effects JOIN rules'
                    " USING (tenant, kind, version) WHERE kind = %s AND topic = %s AND partition = %s"
                    " AND (%s = '' OR (tenant = %s AND version >= %s)) ORDER BY tenant, \"offset\"",
                    (Kind.SAMPLING, name.topic, name.partition, tenant, tenant, number),
                ).fetchall()
        except psycopg.Error as error:
            raise NotKnown(str(error).strip().partition("\n")[0]) from None
        for whose, offset, version, document in rows:
            found.setdefault(whose, []).append(Version(offset, version, _read(whose, version, document)))
        return found


def _read(tenant: str, version: int, document: Mapping[str, Any]) -> TailSampling | None:
    try:
        return parse(document)
    except InvalidRule as error:
        # A newer release wrote it. To store what it might drop loses nothing.
        _log.error("a sampling rule is not understood", tenant=tenant, version=version, error=str(error))
        return None


_BEFORE_ALL = Version(-1, 0, None)


class PartitionRules:
    """The versions of one partition; one thread uses it."""

    def __init__(self, source: Source, name: TopicPartition) -> None:
        """Raises NotKnown."""
        self._source = source
        self._name = name
        self._versions = dict(source.versions(name))

    @property
    def any(self) -> bool:
        """Whether a tenant ever had a rule here."""
        return bool(self._versions)

    def learn(self, changes: Sequence[Change]) -> None:
        """Take note of control records; a repeat that puts nothing into force is passed over. Raises NotKnown, and may
        be called again."""
        for change in changes:
            rule = change.said
            if not isinstance(rule, RuleChange) or rule.kind != Kind.SAMPLING:
                continue
            known = self.versions(rule.tenant)
            if any(version.number == rule.version for version in known):
                continue
            found = self._source.versions(self._name, rule.tenant, rule.version).get(rule.tenant)
            # Who appended the record may have died before writing it down, and a later version came before the next.
            if not found:
                raise NotKnown(f"nobody has written down yet where version {rule.version} of '{rule.tenant}' begins")
            found = [each for each in found if each.number == rule.version and each.offset == change.offset]
            self._versions[rule.tenant] = sorted([*known, *found], key=lambda version: version.offset)

    def versions(self, tenant: str) -> Sequence[Version]:
        """All of a tenant, by offset."""
        return self._versions.get(tenant, ())

    def version(self, tenant: str, before: int) -> Version:
        """The version in force for records before an offset; number 0: none ever was."""
        found = self.versions(tenant)
        place = bisect_left(found, before, key=lambda version: version.offset)
        return found[place - 1] if place else _BEFORE_ALL
