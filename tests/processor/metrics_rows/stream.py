"""A partition of metrics, run over a log that is made in a test; restarted wherever one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.recording.groups import RecordingRules
from otelhouse.rules.documents.series import SeriesLimits
from processor.build import Builder, Built
from processor.commit import Checkpoint, first_checkpoint, read_position
from processor.metrics_rows.active import MS_PER_HOUR, MS_PER_MINUTE
from processor.metrics_rows.state import MetricsState
from processor.partition import Partition
from processor.recording.state import Recording
from processor.rules import RECORDING, SERIES, PartitionRules
from processor.window import Limits, Window
from schema.record import Control, Framing, RuleChange, block_position, control_headers
from schema.signal import Signal
from tests.processor.sampling.stream import Rules

NAME = TopicPartition(Signal.METRICS.topic, 1)
LIMITS = Limits(span_ms=1000, rows=50, value_bytes=100_000)
TABLES = (
    "samples",
    "histograms",
    "exemplars",
    "series_seen",
    "series_refused",
    "ha_replicas",
    "recorded",
    "recorded_until",
)
Row = dict[str, Any]
Sample = tuple[Mapping[str, str], int, float | None]
"""Labels, time in ms, value; None for a point that recorded none."""


@dataclass
class Log:
    """Records, and which of them put a rule into force."""

    records: list[Record] = field(default_factory=list)
    name: TopicPartition = NAME
    rules: Rules[SeriesLimits] = field(default_factory=lambda: Rules(SERIES))
    recording: Rules[RecordingRules] = field(default_factory=lambda: Rules(RECORDING))

    def gauges(self, at_ms: int, *names: str, tenant: str = "acme", retention_class: int = 0, **labels: str) -> None:
        """A sample of each, which has its name's last character as a label, and these labels."""
        request = ExportMetricsServiceRequest()
        metrics = request.resource_metrics.add().scope_metrics.add().metrics
        for name in names:
            metric = Metric(name=name[:-1])
            point = metric.gauge.data_points.add(time_unix_nano=at_ms * 1_000_000, as_double=1.0)
            for key, text in {"x": name[-1], **labels}.items():
                point.attributes.add(key=key).value.string_value = text
            metrics.append(metric)
        framing = Framing(tenant, len(names), 0, retention_class)
        self.records.append(
            Record(*self.name, len(self.records), at_ms, framing.headers(), request.SerializeToString())
        )

    def send(self, at_ms: int, metric: str, *samples: Sample, tenant: str = "acme", retention_class: int = 0) -> None:
        """Samples of a metric that arrive now, as gauges, so that their names stay."""
        request = ExportMetricsServiceRequest()
        found = request.resource_metrics.add().scope_metrics.add().metrics.add(name=metric)
        for labels, time_ms, value in samples:
            point = found.gauge.data_points.add(time_unix_nano=time_ms * 1_000_000)
            if value is None:
                point.flags = 1
            else:
                point.as_double = value
            for key, text in labels.items():
                point.attributes.add(key=key).value.string_value = text
        framing = Framing(tenant, len(samples), 0, retention_class)
        self.records.append(
            Record(*self.name, len(self.records), at_ms, framing.headers(), request.SerializeToString())
        )

    def record(self, at_ms: int, document: Mapping[str, Any], tenant: str = "acme") -> None:
        """Put recording rules into force here."""
        number = self.recording.next_number(tenant)
        headers = RuleChange("recording", tenant, number).headers()
        self._append(at_ms, headers, b"")
        self.recording.put(len(self.records) - 1, tenant, document)

    def tick(self, at_ms: int) -> None:
        self._append(at_ms, control_headers(Control.TICK), b"")

    def limit(self, at_ms: int, document: Mapping[str, Any], tenant: str = "acme") -> None:
        """Put a document into force here."""
        number = self.rules.next_number(tenant)
        headers = RuleChange("series", tenant, number).headers()
        self._append(at_ms, headers, b"")
        self.rules.put(len(self.records) - 1, tenant, document)

    def _append(self, at_ms: int, headers: tuple[tuple[str, bytes], ...], value: bytes) -> None:
        self.records.append(Record(*self.name, len(self.records), at_ms, headers, value))


@dataclass
class Run:
    """What an owner stored, by window, what it could have committed after each, and its series in the end."""

    origin: Checkpoint
    windows: list[Window] = field(default_factory=list)
    built: list[Built] = field(default_factory=list)
    stored: dict[str, list[list[Row]]] = field(default_factory=dict)
    series: list[list[Row]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    active: Mapping[str, int] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        return [row for window in self.stored.get(table, []) for row in window]


def unlimited(log: Log | None = None) -> MetricsState:
    """The state of a partition at its beginning; without a log, of one without rules."""
    return _state(log or Log())


def run(log: Log, limits: Limits = LIMITS) -> Run:
    """From the start of the log."""
    return go_on(log, first_checkpoint(0, limits), _state(log))


def resumed(log: Log, before: Run, windows: int) -> Run:
    """By another owner, after the first `windows` windows of a run were committed."""
    checkpoint = read_position(before.checkpoints[windows - 1].position())
    since: dict[str, dict[int, int]] = {}
    for row in sorted(before.rows("recorded_until"), key=lambda row: row["block"]):
        if block_position(row["block"])[1] <= checkpoint.emitted:
            since.setdefault(row["tenant"], {})[row["rule"]] = _ms(row["since"])
    state = _state(log, since)
    rows = [row for row in before.rows("series_seen") if block_position(row["block"])[1] <= checkpoint.emitted]
    newest = max((_ms(row["time"]) for row in rows), default=0)
    last: dict[tuple[str, int, int], int] = {}
    new: dict[str, int] = {}
    for row in rows:
        time = _ms(row["time"])
        if time // MS_PER_HOUR >= newest // MS_PER_HOUR - 1:
            last[row["tenant"], row["class"], row["series"]] = time // MS_PER_HOUR
        if row["new"] and time // MS_PER_MINUTE == newest // MS_PER_MINUTE:
            new[row["tenant"]] = new.get(row["tenant"], 0) + 1
    if last:
        tenants, classes, series = zip(*last, strict=True)
        state.restore(
            list(tenants), np.array(classes, np.uint8), np.array(series, np.uint64),
            np.array(list(last.values()), np.int32), new, newest,
        )  # fmt: skip
    for row in before.rows("ha_replicas"):
        if block_position(row["block"])[1] <= checkpoint.emitted:
            state.replicas.restore(row["tenant"], row["cluster"], row["replica"], _ms(row["time"]))
    return go_on(log, checkpoint, state)


def go_on(log: Log, checkpoint: Checkpoint, state: MetricsState) -> Run:
    """From a checkpoint on, with the state there."""
    partition, builder, made = Partition(log.name, checkpoint), Builder(), Run(checkpoint)
    for window in partition.feed(log.records[checkpoint.resume :]):
        state.learn(window)
        if not window.fresh:
            builder.bring_back(window, state)
            continue
        built = builder.build(window, state)
        made.windows.append(window)
        made.built.append(built)
        checkpoint = partition.checkpoint_after(window)
        made.checkpoints.append(checkpoint.since(built.left.opened) if built.left else checkpoint)
        made.series.append([row for name, rows in built.shared if name == "series" for row in rows.to_pylist()])
        for table in TABLES:
            found = [row for block in built.blocks if block.table == table for row in block.rows.to_pylist()]
            made.stored.setdefault(table, []).append(found)
    made.active = state.active
    return made


def _state(log: Log, since: Mapping[str, Mapping[int, int]] | None = None) -> MetricsState:
    recording = Recording(PartitionRules(RECORDING, log.recording, log.name), since)
    return MetricsState(PartitionRules(SERIES, log.rules, log.name), recording)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
