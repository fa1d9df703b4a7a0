"""The state of a partition of traces that is taken over, as the owner before left it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import translated
from processor.commit import Checkpoint, Opened
from processor.sampling.ledger import Ledger
from processor.sampling.rules import PartitionRules, Source
from processor.sampling.sampler import Sampler
from processor.traces.cardinality import Admitted, Cardinality, admitted_query
from processor.traces.state import TracesState
from processor.window import MS_PER_DAY
from schema.record import block_number


class TracesStates:
    """Opens states. Thread-safe as far as `rules` and `connect` are."""

    def __init__(self, rules: Source, connect: Callable[[], Client]) -> None:
        self._rules = rules
        self._connect = connect

    def open(self, name: TopicPartition, checkpoint: Checkpoint) -> TracesState:
        """As it was at C, but for what windows before C bring back. Raises NotKnown, ClickHouseError."""
        rules = PartitionRules(self._rules, name)
        sampler, cardinality = Sampler(rules), Cardinality()
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
        return TracesState(sampler, cardinality, checkpoint.graph)
