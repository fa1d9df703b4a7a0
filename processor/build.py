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
from processor.sampling.sampler import Sampler, Taken
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
    """What a window yields. `shared` rows are idempotent by id and stored first: the blocks refer to them.

    `taken`: what tail sampling made of it, if it is one of spans.
    """

    shared: list[Rows]
    blocks: list[Block]
    faults: list[Fault]
    taken: Taken | None = None


class Builder:
    """Makes rows of windows. Remembers which resources and series it has handed out; one thread uses it."""

    def __init__(self) -> None:
        self._resources = NewResources()
        self._series = SeriesResolver()

    def build(self, window: Window, sampler: Sampler | None = None) -> Built:
        """Scan the window and make its rows. Without a sampler no span waits."""
        batch = batches.read(window)
        taken = sampler.take(batch) if sampler is not None else None
        shared: list[Rows] = []
        blocks: list[Block] = []
        for name, rows, idempotent in self._rows(batch, taken):
            if idempotent:
                shared.append((name, rows))
            else:
                blocks += [
                    Block(name, kept, window.day, window.number, window.log_ms, part) for kept, part in by_class(rows)
                ]
        return Built([rows for rows in shared if rows[1].num_rows], blocks, batch.faults, taken)

    def _rows(self, batch: Batch, taken: Taken | None) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        if batch.scan.signal is Signal.METRICS:
            return self._metrics(batch)
        return self._logs(batch) if batch.scan.signal is Signal.LOGS else self._traces(batch, taken)

    def _traces(self, batch: Batch, taken: Taken | None) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        stored = taken.stored if taken else batch
        resources = identify(stored)
        yield "resources", self._resources.rows(stored, resources), True
        yield "spans", span_rows(stored, resources, taken.weights if taken else None), False
        yield (
            "trace_index",
            index_rows(batch, taken.waits if taken else np.zeros(len(batch.scan.items), np.bool_)),
            False,
        )
        if taken and taken.decisions is not None:
            yield "decisions", taken.decisions, False
        if taken and taken.states is not None:
            yield "sampler_states", taken.states, False

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
