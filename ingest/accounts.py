"""What became of every item, by tenant: received = published + rejected + limited + dropped + failed.

All of a batch is counted when its last record is answered, so the equation holds at every moment. The left side is what
the scan found in the bodies; the right side is counted where each thing happens.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingest import metrics
from ingest.answer import Code
from ingest.batch import Batch, Part
from otelhouse.accounts import Account, Count, Outcome
from otelhouse.clock import Clock
from schema.signal import Signal

MAX_PENDING = 100_000
"""Entries that wait for PostgreSQL; with more, minutes are joined to hours."""
_MINUTE_NS = 60_000_000_000
_HOUR_MINUTES = 60

Counts = dict[Account, Count]
_Entries = list[tuple[Outcome, str, Count]]


class Accounts:
    """Thread-safe. Counts go to /metrics at once; `take()` gives what is new to whoever keeps the table."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: Counts = {}

    def limited(self, tenant: str, signal: Signal, rule: str, size: int, items: int = 0) -> None:
        """A call was refused by a limit. `items` are those of its body, where that was known."""
        self._whole_call(tenant, signal, Outcome.LIMITED, rule, size, items)

    def refused(self, tenant: str, signal: Signal, code: Code, size: int, items: int = 0) -> None:
        """A call of a known tenant was refused whole, for another reason than a limit."""
        self._whole_call(tenant, signal, _outcome(code), code.name.lower(), size, items)

    def rejected(self, tenant: str, signal: Signal, cause: str, items: int) -> None:
        """Items of a call were rejected before group commit had the rest of it."""
        minute = self._clock.now_ns() // _MINUTE_NS
        both = Count(items)
        self._add(tenant, signal, minute, [(Outcome.RECEIVED, "", both), (Outcome.REJECTED, cause, both)])

    def batch(self, batch: Batch, sizes: Sequence[int], lost: Sequence[Part]) -> None:
        """All of a batch is answered. `sizes`: bytes by call; `lost`: the parts that the log did not take."""
        found = _ByTenant([tenant.id for tenant in batch.tenants])
        found.received(batch.received, sizes)
        for reason, rejected in batch.rejected.items():
            found.calls(Outcome.REJECTED, reason.value, rejected)
        for cause, dropped in batch.dropped.items():
            found.calls(Outcome.DROPPED, cause, dropped)
        for call, refused in batch.refused.items():
            found.call(
                _outcome(refused.code), refused.code.name.lower(), call, Count(_left(batch, call), 1, sizes[call])
            )
        gone = {id(part) for part in lost}
        found.parts(Outcome.PUBLISHED, "", [part for part in batch.parts if id(part) not in gone])
        found.parts(Outcome.FAILED, "log", lost)
        for tenant, counts in zip(found.tenants, found.counts, strict=True):
            self._add(tenant, batch.signal, batch.minute, counts)

    def take(self) -> Counts:
        """What was counted since the last time."""
        with self._lock:
            taken, self._pending = self._pending, {}
        return taken

    def _whole_call(self, tenant: str, signal: Signal, outcome: Outcome, cause: str, size: int, items: int) -> None:
        minute = self._clock.now_ns() // _MINUTE_NS
        both = Count(items, 1, size)
        self._add(tenant, signal, minute, [(Outcome.RECEIVED, "", both), (outcome, cause, both)])

    def _add(self, tenant: str, signal: Signal, minute: int, counts: _Entries) -> None:
        with self._lock:
            for outcome, cause, count in counts:
                self._merge(Account(tenant, signal, minute, outcome, cause), count)
                metrics.accounts.count(tenant, signal, outcome, cause, count)

    def _merge(self, account: Account, count: Count) -> None:
        known = self._pending.get(account)
        if known is None:
            if len(self._pending) >= MAX_PENDING:
                account = account._replace(minute=account.minute // _HOUR_MINUTES * _HOUR_MINUTES)
            known = self._pending.setdefault(account, Count())
        known.add(count)


class _ByTenant:
    """The counts of a batch, its calls summed up by tenant."""

    def __init__(self, tenants: Sequence[str]) -> None:
        """`tenants` by call."""
        places: dict[str, int] = {}
        self._of_call = np.array([places.setdefault(tenant, len(places)) for tenant in tenants], np.int64)
        self.tenants = list(places)
        self.counts: list[_Entries] = [[] for _ in places]

    def received(self, items: npt.NDArray[np.int64], sizes: Sequence[int]) -> None:
        """What came, by call."""
        calls = np.ones(len(sizes), np.int64)
        sums = zip(self._sums(items), self._sums(calls), self._sums(np.array(sizes, np.int64)), strict=True)
        for counts, (its_items, its_calls, its_bytes) in zip(self.counts, sums, strict=True):
            counts.append((Outcome.RECEIVED, "", Count(its_items, its_calls, its_bytes)))

    def calls(self, outcome: Outcome, cause: str, items: npt.NDArray[np.int64]) -> None:
        """What became of some items, by call."""
        self._append(outcome, cause, self._sums(items))

    def call(self, outcome: Outcome, cause: str, call: int, count: Count) -> None:
        """What became of one call as a whole."""
        self.counts[self._of_call[call]].append((outcome, cause, count))

    def parts(self, outcome: Outcome, cause: str, parts: Sequence[Part]) -> None:
        """What became of records; each is of one tenant."""
        sums = [0] * len(self.tenants)
        for part in parts:
            sums[self._of_call[part.calls[0]]] += part.items
        self._append(outcome, cause, sums)

    def _append(self, outcome: Outcome, cause: str, sums: Sequence[int]) -> None:
        for counts, items in zip(self.counts, sums, strict=True):
            if items:
                counts.append((outcome, cause, Count(items)))

    def _sums(self, by_call: npt.NDArray[np.int64]) -> list[int]:
        if len(self.tenants) == 1:
            return [int(by_call.sum())]
        # Sums are exact: a batch has far fewer than 2^53 items and bytes.
        return [int(each) for each in np.bincount(self._of_call, by_call.astype(np.float64), len(self.tenants))]


def _outcome(code: Code) -> Outcome:
    return Outcome.FAILED if code in (Code.UNAVAILABLE, Code.INTERNAL) else Outcome.REJECTED


def _left(batch: Batch, call: int) -> int:
    """Items of a refused call that no step had counted before."""
    counted = sum(int(each[call]) for each in (*batch.rejected.values(), *batch.dropped.values()))
    return int(batch.received[call]) - counted
