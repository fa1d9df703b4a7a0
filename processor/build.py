"""From a window to what is stored of it: the one list of which signal becomes which tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from processor import batch as batches
from processor.batch import Batch, Fault
from processor.columns import by_class
from processor.logs.records import log_rows
from processor.metrics_rows.histograms import histogram_rows
from processor.metrics_rows.rows import Samples, exemplar_rows, sample_rows, samples_of
from processor.metrics_rows.series import Resolved, SeriesResolver, series_at, series_rows
from processor.metrics_rows.shape import Shape, shape_of
from processor.metrics_rows.state import MetricsState
from processor.recording import metrics
from processor.recording import state as recording
from processor.resources import NewResources, identify
from processor.traces.index import index_rows
from processor.traces.spans import span_rows
from processor.traces.state import Left, Made, TracesState
from processor.window import Window
from schema.arrays import Mask

Rows = tuple[str, pa.RecordBatch]
"""A table's name and rows for it."""
Named = tuple[str, pa.RecordBatch, bool]
"""The same, and whether the rows are idempotent."""


State = TracesState | MetricsState
"""What a partition knows of the past; one of logs knows nothing."""


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

    `left`: what is open after it, if anything can be; `active`: series by tenant, if it is one of metrics.
    """

    shared: list[Rows]
    blocks: list[Block]
    faults: list[Fault]
    left: Left | None = None
    active: Mapping[str, int] | None = None


class Builder:
    """Makes rows of windows. Remembers which resources and series it has handed out; one thread uses it."""

    def __init__(self) -> None:
        self._resources = NewResources()
        self._series = SeriesResolver()

    def build(self, window: Window, state: State | None = None) -> Built:
        """Scan the window and make its rows. `state`: the partition's, of its signal; logs have none."""
        traces = state if isinstance(state, TracesState) else None
        batch = batches.read(window) if traces is None else traces.read(window)
        made = traces.take(batch) if traces is not None else None
        shared: list[Rows] = []
        blocks: list[Block] = []
        for name, rows, idempotent in self._rows(batch, made or state):
            if idempotent:
                shared.append((name, rows))
            else:
                blocks += [
                    Block(name, kept, window.day, window.number, window.log_ms, part) for kept, part in by_class(rows)
                ]
        left = made.left if made else state.left if isinstance(state, MetricsState) else None
        return Built(
            [rows for rows in shared if rows[1].num_rows], blocks, batch.faults,
            left=left, active=state.active if isinstance(state, MetricsState) else None,
        )  # fmt: skip

    def bring_back(self, window: Window, state: State) -> None:
        """Bring back what was open at the end of a window that was stored before."""
        if isinstance(state, TracesState):
            state.bring_back(window)
        elif not state.recording.idle:
            batch = batches.read(window)
            shape, chosen = shape_of(batch.scan), state.choose_before(batch)
            resolved = self._series.resolve(batch, identify(batch), shape, state.naming(batch, chosen))
            samples = samples_of(batch, shape, resolved)
            _record(batch, state, samples, state.stored_before(batch, shape, samples, chosen.others), shape, resolved)

    def _rows(self, batch: Batch, known: Made | State | None) -> Iterator[Named]:
        match known:
            case Made():
                return self._traces(batch, known)
            case MetricsState():
                return self._metrics(batch, known)
            case _:
                return self._logs(batch)

    def _traces(self, batch: Batch, made: Made) -> Iterator[Named]:
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

    def _logs(self, batch: Batch) -> Iterator[Named]:
        resources = identify(batch)
        yield "resources", self._resources.rows(batch, resources), True
        yield "logs", log_rows(batch, resources), False

    def _metrics(self, batch: Batch, state: MetricsState) -> Iterator[Named]:
        shape = shape_of(batch.scan)
        chosen = state.choose(batch)
        naming = state.naming(batch, chosen)
        resolved = self._series.resolve(batch, identify(batch), shape, naming)
        samples = samples_of(batch, shape, resolved)
        admitted = state.admit(batch, shape, samples, chosen.others, naming)
        yield "series", series_rows(batch, shape, resolved, admitted.described), True
        yield "samples", sample_rows(batch, samples, admitted.stored), False
        yield "histograms", histogram_rows(batch, shape, resolved, admitted.stored), False
        yield "exemplars", exemplar_rows(batch, shape, resolved, admitted.stored), False
        yield "series_seen", admitted.seen, False
        yield "series_refused", admitted.refused, False
        yield "ha_replicas", chosen.rows, False
        if not state.recording.idle:
            made = _record(batch, state, samples, admitted.stored, shape, resolved)
            metrics.show(made.spent)
            yield "series", made.series, True
            yield "recorded", made.points, False
            yield "recorded_until", made.until, False


def _record(
    batch: Batch, state: MetricsState, samples: Samples, stored: Mask, shape: Shape, resolved: Resolved
) -> recording.Made:
    """What recording rules make of a window's samples."""
    return state.recording.take(
        batch,
        samples,
        stored,
        lambda rows: [series for _, series in series_at(batch, shape, resolved, rows)],
        lambda tenant: state.most(tenant, batch.window),
    )
