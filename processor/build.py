"""From a window to what is stored of it: the one list of which signal becomes which tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from processor import batch as batches
from processor.batch import Batch, Fault
from processor.columns import by_class
from processor.logs.records import log_rows
from processor.metrics_rows.histograms import histogram_rows
from processor.metrics_rows.rows import exemplar_rows, sample_rows
from processor.metrics_rows.series import SeriesResolver
from processor.metrics_rows.shape import shape_of
from processor.resources import NewResources, identify
from processor.traces.index import index_rows
from processor.traces.spans import span_rows
from processor.traces.state import Left, Made, TracesState
from processor.window import Window
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

    `left`: what is open after it, if it is one of spans.
    """

    shared: list[Rows]
    blocks: list[Block]
    faults: list[Fault]
    left: Left | None = None


class Builder:
    """Makes rows of windows. Remembers which resources and series it has handed out; one thread uses it."""

    def __init__(self) -> None:
        self._resources = NewResources()
        self._series = SeriesResolver()

    def build(self, window: Window, traces: TracesState | None = None) -> Built:
        """Scan the window and make its rows. `traces`: the partition's state, if its records are spans."""
        batch = batches.read(window) if traces is None else traces.read(window)
        made = traces.take(batch) if traces is not None else None
        shared: list[Rows] = []
        blocks: list[Block] = []
        for name, rows, idempotent in self._rows(batch, made):
            if idempotent:
                shared.append((name, rows))
            else:
                blocks += [
                    Block(name, kept, window.day, window.number, window.log_ms, part) for kept, part in by_class(rows)
                ]
        return Built([rows for rows in shared if rows[1].num_rows], blocks, batch.faults, made.left if made else None)

    def _rows(self, batch: Batch, made: Made | None) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        if made is not None:
            return self._traces(batch, made)
        return self._logs(batch) if batch.scan.signal is Signal.LOGS else self._metrics(batch)

    def _traces(self, batch: Batch, made: Made) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        taken = made.taken
        resources = made.stored.resources
        yield "resources", self._resources.rows(taken.stored, resources), True
        yield "spans", span_rows(taken.stored, resources, taken.weights), False
        yield "trace_index", index_rows(batch, taken.waits), False
        yield "red", made.red, False
        yield "red_exemplars", made.exemplars, False
        yield "service_edges", made.edges, False
        if taken.decisions is not None:
            yield "decisions", taken.decisions, False
        if taken.states is not None:
            yield "sampler_states", taken.states, False

    def _logs(self, batch: Batch) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        resources = identify(batch)
        yield "resources", self._resources.rows(batch, resources), True
        yield "logs", log_rows(batch, resources), False

    def _metrics(self, batch: Batch) -> Iterator[tuple[str, pa.RecordBatch, bool]]:
        shape = shape_of(batch.scan)
        resolved = self._series.resolve(batch, identify(batch), shape)
        yield "series", resolved.new, True
        yield "samples", sample_rows(batch, shape, resolved), False
        yield "histograms", histogram_rows(batch, shape, resolved), False
        yield "exemplars", exemplar_rows(batch, shape, resolved), False
