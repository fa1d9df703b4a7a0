"""The sampler of a partition that is taken over, as the owner before left it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from processor.commit import Checkpoint, Opened
from processor.sampling.ledger import Ledger
from processor.sampling.rules import PartitionRules, Source
from processor.sampling.sampler import Sampler


class Samplers:
    """Opens samplers. Thread-safe as far as `rules` and `connect` are."""

    def __init__(self, rules: Source, connect: Callable[[], Client]) -> None:
        self._rules = rules
        self._connect = connect

    def open(self, name: TopicPartition, checkpoint: Checkpoint) -> Sampler:
        """As it was at C, but for what windows before C bring back. Raises NotKnown, ClickHouseError."""
        rules = PartitionRules(self._rules, name)
        sampler = Sampler(rules)
        if rules.any:
            with contextlib.closing(self._connect()) as client:
                ledger = Ledger(client)
                since = Opened(checkpoint.resume, checkpoint.resume_log_ms or checkpoint.log_ms)
                past = ledger.verdicts(name, since, checkpoint.emitted)
                sampler.remember(past, ledger.states(name, checkpoint.emitted), checkpoint.resume)
        return sampler
