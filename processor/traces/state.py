"""What a partition of traces knows of the past: traces that wait, requests without their other side, series admitted.

What is measured of a span is what the `span_metrics` rule asks for that is in force at its record.

One thread uses it. All of it is a function of the log: see `opening.py` for what a restart makes it from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from otelhouse.rules.documents.span_metrics import SpanMetrics
from processor import batch as batches
from processor.batch import Batch
from processor.commit import Opened
from processor.resources import identify
from processor.rules import PartitionRules
from processor.sampling.sampler import Sampler, Taken, Waiting
from processor.traces import metrics
from processor.traces.cardinality import Cardinality
from processor.traces.exemplars import exemplar_rows
from processor.traces.facts import SpanFacts
from processor.traces.graph import ServiceGraph
from processor.traces.peers import KEYS
from processor.traces.red import red_rows
from processor.window import Window
from schema.arrays import Mask


@dataclass(frozen=True, slots=True)
class Left:
    """What is open after a window: the oldest record that it goes back to, of these the oldest that the service graph
    needs, the log time at which something is due, and what waits for verdicts."""

    opened: Opened | None
    graph: int | None
    due_ms: int | None
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Made:
    """What a window of spans yields beside its rows of spans and `trace_index`. `stored`: the spans to store now."""

    taken: Taken
    stored: SpanFacts
    red: pa.RecordBatch
    exemplars: pa.RecordBatch
    edges: pa.RecordBatch
    left: Left


class TracesState:
    """See the module. `graph_from`: records before this offset are none of the service graph's."""

    def __init__(
        self, sampler: Sampler, rules: PartitionRules[SpanMetrics], cardinality: Cardinality, graph_from: int
    ) -> None:
        self._sampler = sampler
        self._rules = rules
        self._cardinality = cardinality
        self._graph_from = graph_from
        self._graph: ServiceGraph | None = None
        self._edge_ms = 0
        # Where windows began, and log time there, as far back as the graph may need.
        self._begun: list[Opened] = []

    def learn(self, window: Window) -> None:
        """Take note of the window's control records. Raises NotKnown, and may be called again."""
        self._sampler.learn(window)
        self._rules.learn(window.changes)

    def bring_back(self, window: Window) -> None:
        """A window before C."""
        self._sampler.bring_back(window)
        needed = tuple(entry for entry in window.entries if entry.record.offset >= self._graph_from)
        if needed:
            first = needed[0]
            part = replace(window, start=first.record.offset, log_ms=first.log_ms, entries=needed, changes=())
            batch = batches.read(part, KEYS)
            wanted = self._rules.in_force(batch).where(_in_graph)
            self._graph_of(batch.window).rebuild(SpanFacts(batch, identify(batch)).of(wanted))

    def read(self, window: Window) -> Batch:
        """Scan a window after C; of spans that wait only what is asked of them before their verdict."""
        if not self._sampler.samples(window):
            return batches.read(window)
        dimensions = {key for says in self._rules.of_window(window) for key in says.dimensions}
        return batches.read(window, (*KEYS, *sorted(dimensions)))

    def take(self, batch: Batch) -> Made:
        """A window after C."""
        facts, rules = SpanFacts(batch, identify(batch)), self._rules.in_force(batch)
        wanted = rules.where(_in_red), rules.where(_in_graph)
        measured = facts.of(wanted[0])
        red = red_rows(measured, rules, self._cardinality)
        graph = self._graph_of(batch.window)
        unmet, evicted = graph.unmet, graph.evicted
        edges = graph.feed(measured if np.array_equal(*wanted) else facts.of(wanted[1]))
        metrics.UNMET.inc(graph.unmet - unmet)
        metrics.EVICTED.inc(graph.evicted - evicted)
        taken = self._sampler.take(batch)
        stored = facts if taken.stored is batch else SpanFacts(taken.stored, identify(taken.stored))
        exemplars = exemplar_rows(stored.of(self._measured_at_end(taken.stored)))
        needed = self._needed(graph)
        opened = min((each for each in (taken.opened, needed) if each), key=lambda each: each.offset, default=None)
        due = min((each for each in (taken.due_ms, graph.due_ms) if each is not None), default=None)
        return Made(
            taken, stored, red, exemplars, edges, Left(opened, needed.offset if needed else None, due, taken.waiting)
        )

    def _measured_at_end(self, stored: Batch) -> Mask:
        """By call, whose records may be long past: whether the tenant has RED metrics as the window ends."""
        red = [self._rules.version(name, stored.window.end).says.red for name in stored.tenants]
        return np.array(red, np.bool_)[stored.tenant]

    def _graph_of(self, window: Window) -> ServiceGraph:
        """The graph; a new one where the operator has changed how long it waits."""
        if self._graph is None or self._edge_ms != window.edge_ms:
            self._graph, self._edge_ms, self._begun = ServiceGraph(window.edge_ms), window.edge_ms, []
        self._begun.append(Opened(window.start, window.log_ms))
        return self._graph

    def _needed(self, graph: ServiceGraph) -> Opened | None:
        """From where on the log brings the graph back; None: it is empty, and begins anew."""
        if not graph.open:
            self._begun.clear()
            return None
        while len(self._begun) > 1 and self._begun[1].log_ms <= graph.open_since_ms:
            self._begun.pop(0)
        return self._begun[0]


def _in_red(says: SpanMetrics) -> bool:
    return says.red


def _in_graph(says: SpanMetrics) -> bool:
    return says.service_graph
