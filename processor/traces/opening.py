"""The state of a partition of traces that is taken over, as the owner before left it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import Reader, TopicPartition
from otelhouse.clickhouse import translated
from otelhouse.rules.documents.span_metrics import SpanMetrics
from otelhouse.sampling.config import TailSampling
from processor.commit import Checkpoint, Opened
from processor.rules import SAMPLING, SPAN_METRICS, PartitionRules, Source
from processor.sampling.ledger import Ledger
from processor.sampling.recall import Recall
from processor.sampling.sampler import Sampler
from processor.sampling.stored_index import StoredIndex
from processor.traces.cardinality import Admitted, Cardinality, admitted_query
from processor.traces.state import TracesState
from processor.waiting import Waiter
from processor.window import MS_PER_DAY
from schema.record import block_number


class TracesStates:
    """Opens states. Thread-safe as far as the sources and `connect` are; states read the log one at a time."""

    def __init__(
        self,
        sampling: Source[TailSampling | None],
        span_metrics: Source[SpanMetrics],
        connect: Callable[[], Client],
        reader: Reader,
    ) -> None:
        self._sampling = sampling
        self._span_metrics = span_metrics
        self._connect = connect
        self._reader = reader

    def open(self, name: TopicPartition, checkpoint: Checkpoint, waiter: Waiter) -> TracesState:
        """As it was at C, but for what windows before C bring back. Raises NotKnown, ClickHouseError."""
        rules = PartitionRules(SAMPLING, self._sampling, name)
        measured = PartitionRules(SPAN_METRICS, self._span_metrics, name)
        recall = Recall(name, StoredIndex(self._connect), self._reader, waiter)
        sampler, cardinality = Sampler(rules, recall), Cardinality()
        with contextlib.closing(self._connect()) as client:
            if rules.any:
                ledger = Ledger(client)
                since = Opened(checkpoint.resume, checkpoint.resume_log_ms or checkpoint.log_ms)
                past = ledger.verdicts(name, since, checkpoint.emitted)
                sampler.remember(past, ledger.states(name, checkpoint.emitted), checkpoint.resume)
            day = checkpoint.log_ms // MS_PER_DAY
            query, parameters = admitted_query(day, block_number(name.partition, checkpoint.emitted))
            with translated():
                rows = client.query(query, parameters=parameters).result_rows
            cardinality.restore(day, (Admitted(*row) for row in rows))
        return TracesState(sampler, measured, cardinality, checkpoint.graph)
