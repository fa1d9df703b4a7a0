"""A batch: calls of one signal that go through the steps together, in the columns of one scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ingest.answer import Accepted, Code, Refused
from otelhouse.bus.contract import Outgoing
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire import Scan

_UNITS = ("spans", "data points", "log records")


class Reason(StrEnum):
    """Why an item is rejected while the rest of its call is kept; the value is a label of our metrics."""

    INVALID_ID = "invalid_id"
    TOO_LARGE = "too_large"


_WORDS = {
    Reason.INVALID_ID: "have an invalid trace id or span id",
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

    `tenants` by call; `keep` bool[items]: what goes on; `weights` int64[items]: OTLP items in each row (a metric
    counts its data points); `refused`: calls that get nothing;
    `rejected` int64[calls] by reason; `parts`: what to publish.
    """

    signal: Signal
    tenants: Sequence[Tenant]
    scan: Scan
    keep: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.int64]
    refused: dict[int, Refused]
    rejected: dict[Reason, npt.NDArray[np.int64]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)

    def reject(self, rows: npt.NDArray[np.int64], reason: Reason) -> None:
        """Leave these items (rows, each named once) out and count them for their calls."""
        if not len(rows):
            return
        self.keep[rows] = False
        counts = np.zeros(len(self.tenants), np.int64)
        np.add.at(counts, self.scan.items.call[rows], self.weights[rows])
        self.rejected[reason] = self.rejected[reason] + counts if reason in self.rejected else counts

    def outcome(self, call: int, lost: bool) -> Accepted | Refused:
        """What a call is told; `lost`: the log does not have all of its bytes."""
        if (refused := self.refused.get(call)) is not None:
            return refused
        if lost:
            return Refused(Code.UNAVAILABLE, "the log did not take the data", 1.0)
        counts = {reason: int(by_call[call]) for reason, by_call in self.rejected.items() if by_call[call]}
        if not counts:
            return Accepted()
        unit = _UNITS[self.signal]
        message = "; ".join(f"{count} {unit} {_WORDS[reason]}" for reason, count in counts.items())
        return Accepted(sum(counts.values()), message)
