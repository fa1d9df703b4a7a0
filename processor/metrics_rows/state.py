"""What a partition of metrics knows of the past: which series are active. One thread uses it; a function of the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from otelhouse.rules.documents.series import SeriesLimits
from processor.batch import Batch
from processor.columns import block, place, rows_of, window_time
from processor.ids import mixed
from processor.metrics_rows import metrics
from processor.metrics_rows.active import (
    AGAIN,
    AHEAD,
    CONFLICTING,
    DUPLICATE,
    LATE,
    NEW,
    OVER_ACTIVE,
    OVER_NEW,
    REFUSED,
    RESET,
    ActiveSeries,
    Fates,
)
from processor.metrics_rows.naming import Naming
from processor.metrics_rows.replicas import Chosen, Replicas
from processor.metrics_rows.rows import Samples
from processor.metrics_rows.shape import Shape
from processor.recording.state import Recording
from processor.rules import PartitionRules
from processor.sampling.sampler import Waiting
from processor.traces.state import Left
from processor.window import MS_PER_DAY, Window
from schema.arrays import I32, I64, U8, U64, Mask
from schema.arrow import SERIES_REFUSED, SERIES_SEEN
from schema.prometheus_name import MetricKind, translated_family

IRREGULAR = {
    LATE: "late",
    DUPLICATE: "duplicate",
    CONFLICTING: "conflicting",
    AHEAD: "ahead",
    RESET: "reset",
}
"""What it is called on /metrics."""
UNHEARD = -1
"""Fate of a sample of a replica that is not listened to."""
REASONS = {OVER_ACTIVE: "max_active", OVER_NEW: "max_new_per_minute"}
"""Names of the rules by which samples are refused: those of the document's settings."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """By sample of a window, parts of points first, then targets: whether it is stored, and whether its series has to
    be described. `seen`, `refused`: rows of their tables."""

    stored: Mask
    described: Mask
    seen: pa.RecordBatch
    refused: pa.RecordBatch


class MetricsState:
    """See the module."""

    def __init__(self, rules: PartitionRules[SeriesLimits], recording: Recording) -> None:
        self._rules = rules
        self._active = ActiveSeries()
        self.replicas = Replicas()
        self.recording = recording
        self._past_replicas: Replicas | None = None
        self._places: dict[str, int] = {}

    @property
    def active(self) -> Mapping[str, int]:
        """Active series by tenant."""
        return dict(zip(self._places, self._active.active.tolist(), strict=False))

    @property
    def left(self) -> Left | None:
        """What is open; None if nothing can be."""
        if self.recording.idle:
            return None
        return Left(self.recording.opened, None, self.recording.due_ms, Waiting())

    def learn(self, window: Window) -> None:
        """Take note of the window's control records. Raises NotKnown, and may be called again."""
        self._rules.learn(window.changes)
        self.recording.learn(window)

    def restore(
        self, tenants: list[str], classes: U8, series: U64, hours: I32, new: Mapping[str, int], log_ms: int
    ) -> None:
        """Begin with series that were seen, by row, and how many of each tenant were new in the minute of `log_ms`."""
        owner = np.array([self._place(name) for name in tenants], np.int32)
        fresh = np.array([new.get(name, 0) for name in self._places], np.int64)
        self._active.restore(_keys(series, classes), owner, hours, fresh, log_ms)

    def choose(self, batch: Batch) -> Chosen:
        """Decide which replicas of Prometheus servers are listened to."""
        end = batch.window.end
        chosen = self.replicas.choose(batch, lambda tenant: self._rules.version(tenant, end).says.replicas)
        calls, counts = np.unique(batch.scan.points.call[chosen.others], return_counts=True)
        for call, count in zip(calls.tolist(), counts.tolist(), strict=True):
            metrics.REPLICAS.labels(batch.tenants[int(batch.tenant[call])]).inc(count)
        return chosen

    def stored_before(self, batch: Batch, shape: Shape, samples: Samples, others: Mask) -> Mask:
        """Which samples of a window before C were stored, as far as is known: those of series that are active since."""
        found = self._active.known(_keys(samples.series, batch.retention_class[samples.calls]))
        parts = np.repeat(~others, shape.parts)
        found[: len(parts)] &= parts
        return found

    def most(self, tenant: str, window: Window) -> int:
        """How many series a tenant may have in the partition."""
        return -(-self._rules.version(tenant, window.end).says.max_active // window.partitions)

    def choose_before(self, batch: Batch) -> Chosen:
        """As choose(), of a window before C: by who was listened to at C."""
        if self._past_replicas is None:
            self._past_replicas = deepcopy(self.replicas)
        end = batch.window.end
        return self._past_replicas.choose(batch, lambda tenant: self._rules.version(tenant, end).says.replicas)

    def naming(self, batch: Batch, chosen: Chosen) -> Naming:
        """How a window's series are named."""
        end = batch.window.end
        return Naming(
            chosen.left_out,
            tuple(self._rules.version(tenant, end).says.translation_strategy for tenant in batch.tenants),
        )

    def admit(self, batch: Batch, shape: Shape, samples: Samples, others: Mask, naming: Naming) -> Admitted:
        """Decide which samples of a window are stored; count what is out of the ordinary about those that are.

        `others` by point: it is of a replica that is not listened to.
        """
        window, calls, series = batch.window, samples.calls, samples.series
        points = np.repeat(np.arange(len(batch.scan.points)), shape.parts)
        owner = np.array([self._place(name) for name in batch.tenants] or [0], np.int32)[batch.tenant[calls]]
        says = [self._rules.version(name, window.end).says for name in self._places]
        keys = _keys(series, batch.retention_class[calls])
        heard = np.ones(len(keys), np.bool_)
        heard[: len(points)] = ~others[points]
        rows = slice(None) if heard.all() else heard
        fates = np.full(len(keys), UNHEARD, np.int8)
        fates[rows] = self._active.admit(
            keys[rows], owner[rows], window.log_ms,
            _divided(says, window.partitions, lambda each: each.max_active),
            _divided(says, window.partitions, lambda each: each.max_new_per_minute),
        )  # fmt: skip
        self._observe(keys, owner, samples, heard, len(points), window.log_ms)
        seen = np.flatnonzero((fates == AGAIN) | (fates == NEW))
        # A series is described once a day of log time.
        new_day = window.log_ms // MS_PER_DAY != (window.log_ms - 3_600_000) // MS_PER_DAY
        described = (fates == NEW) | ((fates == AGAIN) & new_day)
        columns = place(batch, calls[seen]) | {
            "time": window_time(batch, len(seen)),
            "series": pa.array(series[seen]),
            "new": pa.array(fates[seen] == NEW),
        }
        seen_rows = rows_of(SERIES_SEEN, columns | block(batch, len(seen)))
        return Admitted(
            (fates != UNHEARD) & (fates < REFUSED),
            described,
            seen_rows,
            _refused(batch, points, calls, series, fates, naming),
        )

    def _observe(self, keys: U64, owner: I32, samples: Samples, heard: Mask, points: int, log_ms: int) -> None:
        """Of those `heard` of the first `points` samples: `target_info` has a time that it shares with others."""
        rows = slice(points) if heard.all() else np.flatnonzero(heard[:points])
        times = (samples.times[rows] // np.uint64(1_000_000)).astype(np.int64)
        found = self._active.observe(
            keys[rows], owner[rows], times, samples.values[rows], samples.counter[rows], log_ms
        )
        for tenant, what in zip(*np.nonzero(found), strict=True):
            metrics.IRREGULAR.labels(list(self._places)[tenant], IRREGULAR[what]).inc(int(found[tenant, what]))

    def _place(self, name: str) -> int:
        return self._places.setdefault(name, len(self._places))


def _refused(batch: Batch, points: I64, calls: I32, series: U64, fates: Fates, naming: Naming) -> pa.RecordBatch:
    """By call's tenant and class, metric and reason: how many series and samples."""
    rows = np.flatnonzero(fates >= REFUSED)
    metric = np.full(len(fates), -1, np.int64)
    metric[: len(points)] = batch.scan.points.parent[points]
    names, name = _families(batch, metric[rows], naming)
    key = (calls[rows].astype(np.int64) * len(names) + name) * 8 + fates[rows]
    groups, first, of_row = np.unique(key, return_index=True, return_inverse=True)
    distinct = np.unique(np.stack([of_row.reshape(-1).astype(np.uint64), series[rows]], axis=1), axis=0)[:, 0]
    samples = np.bincount(of_row.reshape(-1), minlength=len(groups))
    for group, count in zip(first.tolist(), samples.tolist(), strict=True):
        tenant = batch.tenants[int(batch.tenant[calls[rows[group]]])]
        metrics.REFUSED.labels(tenant, REASONS[int(fates[rows[group]])]).inc(count)
    columns = place(batch, calls[rows[first]]) | {
        "time": window_time(batch, len(groups)),
        "metric": pa.array([names[each] for each in name[first].tolist()], pa.string()),
        "reason": pa.array([REASONS[each] for each in fates[rows[first]].tolist()], pa.string()),
        "series": pa.array(np.bincount(distinct.astype(np.int64), minlength=len(groups)).astype(np.uint64)),
        "samples": pa.array(samples.astype(np.uint64)),
    }
    return rows_of(SERIES_REFUSED, columns | block(batch, len(groups)))


def _families(batch: Batch, metric: I64, naming: Naming) -> tuple[list[str], I64]:
    """(names of metric families, which one each of these metrics is; -1 is a target's)"""
    items = batch.scan.items
    rows, of_metric = np.unique(metric, return_inverse=True)
    names: dict[str, int] = {}
    place = [
        names.setdefault(
            translated_family(
                items["name"][row],
                items["unit"][row],
                MetricKind(int(items["data"][row])),
                bool(items["is_monotonic"][row]),
                naming.of_call(batch, int(items.call[row])),
            )
            if row >= 0
            else "target_info",
            len(names),
        )
        for row in rows.tolist()
    ]
    return list(names), np.array(place, np.int64)[of_metric.reshape(-1)]


def _keys(series: U64, classes: U8) -> U64:
    """A series of another class has rows of its own, which live for another time."""
    return np.where(classes == 0, series, mixed(series, classes.astype(np.uint64)))


def _divided(says: list[SeriesLimits], partitions: int, limit: Callable[[SeriesLimits], int]) -> I64:
    """One partition's part of each tenant's limit."""
    return np.array([-(-limit(each) // partitions) for each in says], np.int64)
