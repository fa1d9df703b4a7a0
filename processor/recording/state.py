"""Recording rules in a partition of metrics: samples of its windows in, points out. A function of the log.

A time T of a rule is evaluated when log time has passed T by a grace, over the samples of records before that; then
again, with the next one, if samples came late. What was evaluated depends on the records and on log time at each, and
not on how they were cut into windows: after a restart the same samples are held again, from records as old as the
rules look back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from otelhouse.recording.groups import RecordingRules
from processor.batch import Batch
from processor.commit import Opened
from processor.metrics_rows.labels import metric_hash
from processor.metrics_rows.rows import Samples
from processor.metrics_rows.translate import Series
from processor.recording import metrics
from processor.recording.inputs import AHEAD_MS, Arrived
from processor.recording.metrics import Spent
from processor.recording.recorded import Points
from processor.recording.rows import Finals, point_rows, series_rows, until_rows
from processor.recording.tenant import TenantRules
from processor.rules import PartitionRules
from processor.window import Window
from schema.arrays import I64, Mask
from schema.record import RuleChange


@dataclass(frozen=True, slots=True)
class Made:
    """Rows of a window: of `recorded`, `recorded_until` and `series`; and what rules have `spent` on it."""

    points: pa.RecordBatch
    until: pa.RecordBatch
    series: pa.RecordBatch
    spent: list[Spent]


class Recording:
    """See the module. One thread uses it. `since`: by tenant and rule's id, from when on it had seen all samples, as
    far as that was stored."""

    def __init__(
        self, rules: PartitionRules[RecordingRules], since: Mapping[str, Mapping[int, int]] | None = None
    ) -> None:
        self._rules = rules
        self._since = since or {}
        self.tenants: dict[str, TenantRules] = {}
        # Where windows began, and log time there, as far back as rules look.
        self._begun: deque[Opened] = deque()
        self._described: set[tuple[int, int]] = set()

    def learn(self, window: Window) -> None:
        """Take note of the window's control records. Raises NotKnown, and may be called again."""
        self._rules.learn(window.changes)

    @property
    def idle(self) -> bool:
        """Whether no tenant has a rule, or ever had one."""
        return not self._rules.any

    @property
    def opened(self) -> Opened | None:
        """The oldest record that is needed; None: nothing is held."""
        return self._begun[0] if self._begun else None

    @property
    def due_ms(self) -> int | None:
        """Log time at which something is due."""
        return min((due for each in self.tenants.values() if (due := each.due_ms) is not None), default=None)

    def take(
        self,
        batch: Batch,
        samples: Samples,
        stored: Mask,
        describe: Callable[[I64], list[Series]],
        most: Callable[[str], int],
    ) -> Made:
        """The samples of a window that are `stored`. `describe` tells of which series some are, `most` how many of a
        metric a tenant may have."""
        window = batch.window
        self._meet(batch, most)
        points: list[tuple[TenantRules, Points]] = []
        for name, tenant in self.tenants.items():
            arrived = _Arriving(batch, samples, stored, describe, name, tenant)
            for offset, log_ms, change in [*self._changes(window, name), (window.end, window.end_log_ms, None)]:
                points += ((tenant, each) for each in tenant.feed(arrived.before(offset), log_ms))
                if change is not None:
                    tenant.put(change, most(name), log_ms)
                    arrived.choose()
        self._note(window)
        day = window.day
        described = {(series.id, day) for _, each in points for series in each.series} - self._described
        if self._described and next(iter(self._described))[1] != day:
            self._described.clear()
        self._described |= described
        return Made(
            point_rows(batch, points),
            until_rows(batch, self._finals()),
            series_rows(batch, points, {series for series, _ in described}),
            [each.take_spent() for tenant in self.tenants.values() for each in tenant.rules],
        )

    def _meet(self, batch: Batch, most: Callable[[str], int]) -> None:
        """Tenants that are new here: what was in force for them before the window."""
        window = batch.window
        changed = [each.said.tenant for each in window.changes if isinstance(each.said, RuleChange)]
        for name in (*batch.tenants, *changed):
            if name not in self.tenants and self._rules.versions(name):
                tenant = self.tenants[name] = TenantRules(name)
                version = self._rules.version(name, window.start)
                tenant.put_back(version.says, most(name), self._since.get(name, {}))
        for place, name in enumerate(batch.tenants):
            if name in self.tenants and len(calls := np.flatnonzero(batch.tenant == place)):
                self.tenants[name].retention_class = int(batch.retention_class[calls[-1]])

    def _changes(self, window: Window, tenant: str) -> Iterator[tuple[int, int, RecordingRules]]:
        """(offset, log time there, what comes into force) of a tenant in a window."""
        at = {version.offset: version for version in self._rules.versions(tenant)}
        for change in window.changes:
            if isinstance(change.said, RuleChange) and change.said.tenant == tenant and change.offset in at:
                yield change.offset, change.log_ms, at[change.offset].says

    def _note(self, window: Window) -> None:
        """Where records begin that are still needed."""
        self._begun.append(Opened(window.start, window.log_ms))
        longest = max((each.longest_ms for each in self.tenants.values()), default=0)
        needed = window.end_log_ms - longest - AHEAD_MS
        while len(self._begun) > 1 and self._begun[1].log_ms <= needed:
            self._begun.popleft()
        if self.due_ms is None:
            self._begun.clear()

    def _finals(self) -> Iterator[tuple[TenantRules, Finals]]:
        for tenant in self.tenants.values():
            for metric, read in tenant.inputs.items():
                if read.passed_over:
                    metrics.PASSED_OVER.labels(tenant.tenant, metric).inc(read.passed_over)
                    read.passed_over = 0
                if read.moved:
                    read.moved = False
                    for each in read.rules:
                        yield tenant, Finals(each.rule, each.since_ms, each.last_ms, bool(read.samples))


class _Arriving:
    """Samples of one tenant in a window, portion by portion, by the metrics that its rules read."""

    def __init__(
        self,
        batch: Batch,
        samples: Samples,
        stored: Mask,
        describe: Callable[[I64], list[Series]],
        name: str,
        tenant: TenantRules,
    ) -> None:
        self._batch, self._samples, self._describe, self._tenant = batch, samples, describe, tenant
        self._usable = stored & samples.numbers
        if name in batch.tenants:
            self._usable &= batch.tenant[samples.calls] == batch.tenants.index(name)
        else:
            self._usable &= False
        self._from = 0
        self.choose()

    def choose(self) -> None:
        """Find what the rules read that are in force from here on."""
        samples, hashes = self._samples, {name: metric_hash(name) for name in self._tenant.inputs}
        wanted = np.array(sorted(set(hashes.values())), np.uint32)
        rows = np.flatnonzero(self._usable & np.isin(samples.metrics, wanted))
        rows = rows[np.argsort(samples.calls[rows], kind="stable")]
        self._rows = {name: rows[samples.metrics[rows] == number] for name, number in hashes.items()}

    def before(self, offset: int) -> dict[str, Arrived]:
        """Of each metric, the samples of records from where the last portion ended up to `offset`."""
        batch, samples = self._batch, self._samples
        first, last = np.searchsorted(batch.offset, np.array([self._from, offset], np.uint64)).tolist()
        self._from = offset
        found = {}
        for name, rows in self._rows.items():
            calls = samples.calls[rows]
            part = rows[(calls >= first) & (calls < last)]
            found[name] = Arrived(
                samples.series[part],
                (samples.times[part] // np.uint64(1_000_000)).astype(np.int64),
                samples.values[part].view(np.int64),
                batch.log_ms[samples.calls[part]],
                _told(self._describe, part),
            )
        return found


def _told(describe: Callable[[I64], list[Series]], part: I64) -> Callable[[I64], list[Series]]:
    return lambda chosen: describe(part[chosen])
