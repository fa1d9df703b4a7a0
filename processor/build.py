"""From a window to what is stored of it: the one list of which signal becomes which tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processor import batch as batches
from processor import metrics
from processor.batch import Batch, Fault
from processor.columns import by_class
from processor.logs.records import log_rows
from processor.metrics_rows.rows import exemplar_rows, sample_rows
from processor.metrics_rows.series import SeriesResolver
from processor.metrics_rows.shape import shape_of
from processor.resources import NewResources, identify
from processor.traces.index import index_rows
from processor.traces.spans import span_rows
from processor.window import Window
from schema.prometheus_name import MetricKind
from schema.signal import Signal

Rows = tuple[str, pa.RecordBatch]
"""A table's name and rows for it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, class and day that are stored together or not at all. `log_ms` is when its window began."""

    table: str
    retention_class: int
    day: int
    number: int
    log_ms: int
    rows: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Built:
    """What a window yields. `shared` rows are idempotent by id and stored first: the blocks refer to them."""

    shared: list[Rows]
    blocks: list[Block]
    faults: list[Fault]


class Builder:
    """Makes rows of windows. Remembers which resources and series it has handed out; one thread uses it."""

    def __init__(self) -> None:
        self._resources = NewResources()
        self._series = SeriesResolver()
        self._signals = {Signal.TRACES: self._traces, Signal.METRICS: self._metrics, Signal.LOGS: self._logs}

    def build(self, window: Window) -> Built:
        """Scan the window and make its rows."""
        batch = batches.read(window)
        shared: list[Rows] = []
        blocks: list[Block] = []
        for name, rows, idempotent in self._signals[Signal.of_topic(window.name.topic)](batch):
            if idempotent:
                shared.append((name, rows))
            else:
                blocks += [
                    Block(name, kept, window.day, window.number, window.log_ms, part) for kept, part in by_class(rows)
                ]
        return Built([rows for rows in shared if rows[1].num_rows], blocks, batch.faults)

    def _traces(self, batch: Batch) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        resources = identify(batch)
        yield "resources", self._resources.rows(batch, resources), True
        yield "spans", span_rows(batch, resources), False
        yield "trace_index", index_rows(batch), False

    def _logs(self, batch: Batch) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        resources = identify(batch)
        yield "resources", self._resources.rows(batch, resources), True
        yield "logs", log_rows(batch, resources), False

    def _metrics(self, batch: Batch) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        shape = shape_of(batch.scan)
        metrics.NOT_NATIVE.inc(int(np.count_nonzero(shape.of(MetricKind.EXPONENTIAL_HISTOGRAM))))
        resolved = self._series.resolve(batch, identify(batch), shape)
        yield "series", resolved.new, True
        yield "samples", sample_rows(batch, shape, resolved), False
        yield "exemplars", exemplar_rows(batch, shape, resolved), False
