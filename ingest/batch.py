"""A batch: calls of one signal that go through the steps together, in the columns of one scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ingest.answer import Accepted, Code, Refused
from otelhouse.bus.contract import Outgoing
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire import Edits, Scan, edited, item_counts, rescan

_ALL = Accepted()
_UNITS = ("spans", "data points", "log records")


class Reason(StrEnum):
    """Why an item is rejected while the rest of its call is kept; the value is a label of our metrics."""

    INVALID_ID = "invalid_id"
    NO_NAME = "no_name"
    NO_TEMPORALITY = "no_temporality"
    NO_VALUE = "no_value"
    BUCKETS = "buckets"
    LABELS = "labels"
    LABEL_VALUE = "label_value"
    TOO_LARGE = "too_large"


_WORDS = {
    Reason.INVALID_ID: "have an invalid trace id or span id",
    Reason.NO_NAME: "are of a metric without a name",
    Reason.NO_TEMPORALITY: "are of a metric without an aggregation temporality",
    Reason.NO_VALUE: "have no value",
    Reason.BUCKETS: "have buckets that do not fit their bounds",
    Reason.LABELS: "have more attributes than their tenant may give a data point",
    Reason.LABEL_VALUE: "have an attribute with a longer value than their tenant may give it",
    Reason.TOO_LARGE: "are too large for the log",
}


@dataclass(slots=True)
class Call:
    """One export call: whose it is, and its protobuf body."""

    tenant: Tenant
    body: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A record to publish, the OTLP items in it, and the calls (sorted rows) whose bytes are in it."""

    record: Outgoing
    items: int
    calls: npt.NDArray[np.int32]


@dataclass(slots=True)
class Batch:
    """What the steps work on; each step reads some fields and writes others.

    `tenants` by call; `minute` of acceptance, since the epoch; `keep` bool[items]: what goes on; `weights`
    int64[items]: OTLP items in each row (a metric counts its data points); `received` int64[calls]: items as they
    came, whatever befalls them later; `refused`: calls that get nothing; `rejected` int64[calls] by reason: the client
    is told; `dropped` int64[calls] by cause: it is not; `edits`: what is to be changed in the bytes;
    `masking_versions` by tenant id: of the masking rules that were applied; `topics`
    beside the signal's own, and `topic` of each item, counted from 1 (0, or None for all: the signal's own); `parts`:
    what to publish.
    """

    signal: Signal
    tenants: Sequence[Tenant]
    scan: Scan
    keep: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.int64]
    received: npt.NDArray[np.int64]
    refused: dict[int, Refused]
    minute: int = 0
    rejected: dict[Reason, npt.NDArray[np.int64]] = field(default_factory=dict)
    dropped: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    edits: Edits = field(default_factory=Edits)
    masking_versions: dict[str, int] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)
    topic: npt.NDArray[np.int16] | None = None
    parts: list[Part] = field(default_factory=list)
    _by_tenant: list[tuple[Tenant, npt.NDArray[np.int64]]] | None = None

    def reject(self, rows: npt.NDArray[np.int64], reason: Reason) -> None:
        """Leave these items (rows, each named once) out, count them for their calls and tell the client."""
        if len(rows):
            self.rejected[reason] = self._leave_out(rows) + self.rejected.get(reason, 0)

    def reject_points(self, rows: npt.NDArray[np.int64], reason: Reason) -> None:
        """Take these data points (rows of `scan.points`) out, with their metric if it has no other; tell the client.

        Of metrics that go on. Applies the edits: tables are new afterwards, but for rows of items.
        """
        bad = np.zeros(len(self.scan.points), np.bool_)
        bad[rows] = True
        metric = self.scan.points.parent
        bad &= self.keep[metric]
        good = np.bincount(metric, ~bad, len(self.keep)) > 0
        self.reject(np.unique(metric[bad & ~good[metric]]).astype(np.int64), reason)
        some = np.flatnonzero(bad & good[metric])
        if len(some):
            self._take_points_out(some, reason)

    def _take_points_out(self, rows: npt.NDArray[np.int64], reason: Reason) -> None:
        points = self.scan.points
        none = np.zeros(len(rows), np.int64)
        self.edits.replace(points.tag[rows], points.end[rows], np.empty(0, np.uint8), none, none)
        counts = self._by_call(points.parent[rows].astype(np.int64), np.ones(len(rows), np.int64))
        self.rejected[reason] = counts + self.rejected.get(reason, 0)
        self.apply_edits()

    def drop(self, rows: npt.NDArray[np.int64], cause: str) -> None:
        """Leave these items (rows, each named once and kept so far) out; the client is not told.

        `cause`: which rule, such as "control:<rule>" or "degrade:<class>".
        """
        if len(rows):
            self.dropped[cause] = self._leave_out(rows) + self.dropped.get(cause, 0)

    def drop_points(self, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], cause: str) -> None:
        """Count data points that edits take out of metrics that stay: so many of each row (named once)."""
        if len(rows):
            self.dropped[cause] = self._by_call(rows, counts) + self.dropped.get(cause, 0)

    def refuse(self, tenant: Tenant, why: Refused) -> None:
        """Nothing of this tenant's calls goes on; they are told why."""
        for call, whose in enumerate(self.tenants):
            if whose == tenant:
                self.refused.setdefault(call, why)
                self.keep[self.scan.items.call == call] = False
        self._by_tenant = None

    def route(self, rows: npt.NDArray[np.int64], topic: str) -> None:
        """These items go to this topic, not to the signal's own."""
        if topic not in self.topics:
            self.topics.append(topic)
        if self.topic is None:
            self.topic = np.zeros(len(self.keep), np.int16)
        self.topic[rows] = self.topics.index(topic) + 1

    def by_tenant(self) -> list[tuple[Tenant, npt.NDArray[np.int64]]]:
        """Each tenant with kept items, and the rows of these, ascending. By first call."""
        if self._by_tenant is None:
            self._by_tenant = list(self._group())
        return self._by_tenant

    def apply_edits(self) -> None:
        """Write the edits into the bodies and scan them again; nothing to do without edits.

        Rows of items, `keep` and what was counted stay; offsets, other tables and `weights` are new. Raises ValueError
        if an edit does not fit (see `schema/wire/edits.py`).
        """
        if len(self.edits):
            regions = edited(self.scan, self.edits)
            self.scan = rescan(self.scan, regions.data, regions.bounds)
            self.weights = item_counts(self.scan)
            self.edits = Edits()

    def release(self) -> None:
        """Let go of the columns, which take many times the bodies' size: what goes to the log was cut from them."""
        del self.scan
        self.edits = Edits()
        self._by_tenant = None

    def _leave_out(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        self.keep[rows] = False
        self._by_tenant = None
        return self._by_call(rows, self.weights[rows])

    def _by_call(self, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64[calls]: sums of the counts of rows."""
        sums = np.zeros(len(self.tenants), np.int64)
        np.add.at(sums, self.scan.items.call[rows], counts)
        return sums

    def _group(self) -> Iterator[tuple[Tenant, npt.NDArray[np.int64]]]:
        first = self.tenants[0]
        if all(tenant is first for tenant in self.tenants):
            places = {first: 0}
        else:
            places = {}
            place = np.array([places.setdefault(tenant, len(places)) for tenant in self.tenants], np.int32)
        for tenant, number in places.items():
            chosen = self.keep if len(places) == 1 else self.keep & (place[self.scan.items.call] == number)
            rows = np.flatnonzero(chosen)
            if len(rows):
                yield tenant, rows

    def outcome(self, call: int, lost: bool) -> Accepted | Refused:
        """What a call is told; `lost`: the log does not have all of its bytes."""
        if (refused := self.refused.get(call)) is not None:
            return refused
        if lost:
            return Refused(Code.UNAVAILABLE, "the log did not take the data", 1.0)
        if not self.rejected:
            return _ALL
        counts = {reason: int(by_call[call]) for reason, by_call in self.rejected.items() if by_call[call]}
        if not counts:
            return _ALL
        unit = _UNITS[self.signal]
        message = "; ".join(f"{count} {unit} {_WORDS[reason]}" for reason, count in counts.items())
        return Accepted(sum(counts.values()), message)
