"""What a worker does with other partitions' windows after one that could not be stored."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import ProcessorSettings
from processor.assignment import Assignment
from processor.build import Block, Rows
from processor.commit import first_checkpoint
from processor.rules import Version
from processor.sink import StorageFault
from processor.traces.opening import TracesStates
from processor.waiting import Waiter
from processor.window import Limits
from processor.worker import Outcome, Worker
from schema.record import Framing
from schema.signal import Signal
from tests.processor.requests import request

LIMITS = Limits.of(Signal.TRACES, ProcessorSettings(window_seconds=1.0, window_rows=1), 1)
VALUE = request(Signal.TRACES, random.Random(1)).SerializeToString()


class FirstFails:
    """Stands in for a sink that can never take the first shared rows it is given."""

    def __init__(self) -> None:
        self.refused: Rows | None = None
        self.shared: list[Rows] = []
        self.blocks: list[Block] = []

    def store_shared(self, rows: Rows, _: Waiter) -> None:
        self.refused = self.refused or rows
        if rows is self.refused:
            raise StorageFault("not these")
        self.shared.append(rows)

    def store(self, block: Block, _: bool, __: Waiter) -> None:
        self.blocks.append(block)

    def close(self) -> None:
        return None


class NoRules:
    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[Any]]]:
        return {}


class EmptyClickHouse:
    """Stands in for a server with nothing in its tables."""

    result_rows = ()

    def query(self, _: str, parameters: Mapping[str, Any]) -> EmptyClickHouse:
        return self

    def close(self) -> None:
        return None


class NoLog:
    """Nobody votes, so nothing is looked up."""


class NoLetters:
    def bury(self, faults: list[Any], _: Waiter) -> None:
        assert not faults


def test_rows_that_cannot_be_stored_stop_their_partition_alone_and_others_describe_their_resources_again() -> None:
    sink, outcomes = FirstFails(), queue.SimpleQueue[Outcome]()
    traces = TracesStates(NoRules(), NoRules(), EmptyClickHouse, NoLog())  # type: ignore[arg-type]  # stand-ins
    states = {Signal.TRACES.topic: traces}
    worker = Worker("w", sink, NoLetters(), states, SystemClock(), threading.Lock(), outcomes.put)  # type: ignore[arg-type]
    worker.start()
    for number in range(2):
        name = TopicPartition(Signal.TRACES.topic, number)
        assignment = Assignment(name, first_checkpoint(0, LIMITS), 0)
        (window,) = assignment.feed([Record(*name, 0, 1000, Framing("acme", 1, 0).headers(), VALUE)], 0.0)
        worker.submit(assignment, window)
    worker.finish()
    worker.join(30)
    assert [outcomes.get(timeout=1).stored for _ in range(2)] == [False, True]
    assert [(table, rows.num_rows > 0) for table, rows in sink.shared] == [("resources", True)]
    assert {each.table for each in sink.blocks} == {"spans", "trace_index", "red", "red_exemplars"}
