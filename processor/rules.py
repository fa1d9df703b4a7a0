"""Which version of a tenant's rule is in force at an offset of a partition: a function of the log.

PostgreSQL says which control record puts a version into force (`rule_effects`), and what the version says. What was
read once never changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import psycopg

from otelhouse import postgres
from otelhouse.bus.contract import TopicPartition
from otelhouse.config import PostgresSettings
from otelhouse.recording.groups import RecordingRules
from otelhouse.rules.documents import recording, sampling, series, span_metrics
from otelhouse.rules.documents.series import SeriesLimits
from otelhouse.rules.documents.span_metrics import SpanMetrics
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind
from otelhouse.sampling.config import TailSampling
from otelhouse.telemetry import get_logger
from processor.batch import Batch
from processor.window import Change, Window
from schema.arrays import I64, Mask
from schema.record import RuleChange

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_log = get_logger(__name__)


class NotKnown(Exception):
    """The metadata store cannot say now what is in force; ask again."""


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A kind of rule, and how its documents are read; an empty one says what holds without a rule."""

    kind: Kind
    parse: Callable[[Mapping[str, Any]], T]


RECORDING: Form[RecordingRules] = Form(Kind.RECORDING, recording.parse)
SAMPLING: Form[TailSampling | None] = Form(Kind.SAMPLING, sampling.parse)
SERIES: Form[SeriesLimits] = Form(Kind.SERIES, series.parse)
SPAN_METRICS: Form[SpanMetrics] = Form(Kind.SPAN_METRICS, span_metrics.parse)


@dataclass(frozen=True, slots=True)
class Version(Generic[T_co]):
    """What a tenant's rule says from an offset on."""

    offset: int
    number: int
    says: T_co


class Source(Protocol[T_co]):
    """Where versions of one kind are looked up. Raises NotKnown."""

    def versions(
        self, name: TopicPartition, tenant: str = "", number: int = 0
    ) -> Mapping[str, Sequence[Version[T_co]]]:
        """By tenant, by offset: all that took effect in a partition, or those of a tenant from a number on."""


class StoredRules(Generic[T]):
    """The source in PostgreSQL. Thread-safe: each question has a connection of its own; they are rare."""

    def __init__(self, settings: PostgresSettings, form: Form[T]) -> None:
        self._settings = settings
        self._form = form

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[T]]]:
        """See Source."""
        found: dict[str, list[Version[T]]] = {}
        try:
            with postgres.connect(self._settings) as connection:
                rows = connection.execute(
                    'SELECT tenant, "offset", version, document FROM rule_effects JOIN rules'
                    " USING (tenant, kind, version) WHERE kind = %s AND topic = %s AND partition = %s"
                    " AND (%s = '' OR (tenant = %s AND version >= %s)) ORDER BY tenant, \"offset\"",
                    (self._form.kind, name.topic, name.partition, tenant, tenant, number),
                ).fetchall()
        except psycopg.Error as error:
            raise NotKnown(str(error).strip().partition("\n")[0]) from None
        for whose, offset, version, document in rows:
            found.setdefault(whose, []).append(Version(offset, version, self._read(whose, version, document)))
        return found

    def _read(self, tenant: str, version: int, document: Mapping[str, Any]) -> T:
        try:
            return self._form.parse(document)
        except InvalidRule as error:
            # A newer release wrote it. Without a rule nothing is lost: all is stored, and measured.
            _log.error(
                "a rule is not understood", kind=self._form.kind, tenant=tenant, version=version, error=str(error)
            )
            return self._form.parse({})


@dataclass(frozen=True, slots=True)
class InForce(Generic[T]):
    """The versions that a batch's records may be under. `of_call` int64[calls]: number of the version of each.

    By number: `tenant` int64[versions], the place among the batch's tenants, and what the version `says`. Those of a
    tenant are in the order in which they came into force, the first of them what holds without a rule.
    """

    of_call: I64
    tenant: I64
    says: list[T]

    def where(self, holds: Callable[[T], bool]) -> Mask:
        """bool[calls]: the records under a version of which this holds."""
        found: Mask = np.array([holds(says) for says in self.says], np.bool_)[self.of_call]
        return found


class PartitionRules(Generic[T]):
    """The versions of one kind in one partition; one thread uses it."""

    def __init__(self, form: Form[T], source: Source[T], name: TopicPartition) -> None:
        """Raises NotKnown."""
        self._kind = form.kind
        self._source = source
        self._name = name
        self._before_all = Version(-1, 0, form.parse({}))
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
            if not isinstance(rule, RuleChange) or rule.kind != self._kind:
                continue
            known = self.versions(rule.tenant)
            if any(version.number == rule.version for version in known):
                continue
            found = self._source.versions(self._name, rule.tenant, rule.version).get(rule.tenant)
            # Who appended the record may have died before writing it down, and a later version came before the next.
            if not found:
                raise NotKnown(
                    f"nobody has written down yet where version {rule.version} of the {rule.kind} rule of tenant"
                    f" '{rule.tenant}' begins"
                )
            found = [each for each in found if each.number == rule.version and each.offset == change.offset]
            self._versions[rule.tenant] = sorted([*known, *found], key=lambda version: version.offset)

    def versions(self, tenant: str) -> Sequence[Version[T]]:
        """All of a tenant, by offset."""
        return self._versions.get(tenant, ())

    def version(self, tenant: str, before: int) -> Version[T]:
        """The version in force for records before an offset; number 0: none ever was."""
        found = self.versions(tenant)
        place = bisect_left(found, before, key=lambda version: version.offset)
        return found[place - 1] if place else self._before_all

    def of_window(self, window: Window) -> Iterator[T]:
        """What the versions say that its records may be under."""
        yield self._before_all.says
        for tenant in _tenants(window):
            yield from (version.says for version in self.versions(tenant))

    def at_end(self, window: Window) -> Iterator[T]:
        """What is in force at its end for the tenants of its records."""
        return (self.version(tenant, window.end).says for tenant in _tenants(window))

    def in_force(self, batch: Batch) -> InForce[T]:
        """By record of a batch."""
        of_call = np.zeros(len(batch.tenant), np.int64)
        tenant: list[int] = []
        says: list[T] = []
        for place, name in enumerate(batch.tenants):
            versions = self.versions(name)
            calls = np.flatnonzero(batch.tenant == place)
            offsets = np.array([version.offset for version in versions], np.int64)
            of_call[calls] = len(says) + np.searchsorted(offsets, batch.offset[calls].astype(np.int64))
            says += [self._before_all.says, *(version.says for version in versions)]
            tenant += [place] * (1 + len(versions))
        return InForce(of_call, np.array(tenant, np.int64), says)


def _tenants(window: Window) -> set[str]:
    return {entry.framing.tenant for entry in window.entries if entry.framing is not None}
