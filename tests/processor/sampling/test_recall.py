"""Bringing dropped traces back: which ranges of the log are read, and what happens when it cannot be read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from otelhouse.bus.contract import LogUnavailable, Record, TopicPartition
from otelhouse.clickhouse import Retryable
from processor.sampling.recall import Recall, Recalled, merged, places_of
from processor.waiting import Abandoned
from processor.window import Window
from tests.processor.sampling.stream import NAME, Log, Memory, rule, run, span

IDS = np.frombuffer((1).to_bytes(16, "big") + (2).to_bytes(16, "big"), np.uint8).reshape(2, 16)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([(3, 5)], [(3, 5)]),
        ([(7, 9), (1, 2)], [(1, 2), (7, 9)]),
        ([(1, 4), (2, 3), (4, 6), (8, 9)], [(1, 6), (8, 9)]),
        ([(5, 9), (1, 20), (30, 31)], [(1, 20), (30, 31)]),
    ],
)
def test_ranges_are_read_once(ranges: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    start, end = (np.array([each[k] for each in ranges], np.int64) for k in (0, 1))
    found = merged(start, end)
    assert list(zip(*(each.tolist() for each in found), strict=True)) == expected


def test_ids_that_share_a_half_are_told_apart() -> None:
    ids = np.array([[1, 7], [2, 7], [3, 7], [2, 8], [2, 7]], np.uint64)
    assert places_of(ids, np.array([[3, 7], [2, 7]], np.uint64)).tolist() == [-1, 1, 0, -1, 1]
    assert places_of(ids, np.zeros((0, 2), np.uint64)).tolist() == [-1] * 5


class Troubled(Memory):
    """Fails a few times before it answers; nobody waits after `patience` pauses."""

    faults = 3
    patience = 100
    paused = 0.0

    def read(self, partition: TopicPartition, start: int, end: int, max_bytes: int = 8 << 20) -> list[Record]:
        self.faults -= 1
        if self.faults >= 0:
            raise LogUnavailable("the log is away")
        return super().read(partition, start, end, max_bytes)

    def sightings(self, *asked: Any) -> list[tuple[bytes, int, int]]:
        self.faults -= 1
        if self.faults >= 0:
            raise Retryable("ClickHouse is away")
        return super().sightings(*asked)

    def pause(self, seconds: float) -> bool:
        self.paused += seconds
        self.patience -= 1
        return self.patience < 0


def dropped() -> tuple[Troubled, Window]:
    """Two traces that were dropped, and the window after."""
    log = Log()
    log.rule(0, rule({"name": "exemplars", "type": "exemplar"}, wait="1s"))
    log.spans(0, span(1, 1), span(2, 1))
    log.spans(10, span(1, 2))
    log.tick(5000)
    log.tick(9000)
    made = run(log)
    return Troubled(log, [made]), made.windows[-1]


def recalled(memory: Troubled, window: Window, most: int = 1 << 20) -> Recalled:
    return Recall(NAME, memory, memory, memory)(window, "acme", IDS, most)


def test_the_log_and_clickhouse_are_waited_for() -> None:
    memory, window = dropped()
    found = recalled(memory, window)
    assert found.found.all()
    assert memory.paused > 0
    assert found.read_bytes == sum(len(record.value) for record in memory.log.records)


def test_a_partition_that_is_given_away_waits_no_longer() -> None:
    memory, window = dropped()
    memory.faults, memory.patience = 1 << 30, 5
    with pytest.raises(Abandoned):
        recalled(memory, window)


def test_traces_beyond_the_limit_are_told_from_those_that_are_gone() -> None:
    memory, window = dropped()
    memory.faults = 0
    found = recalled(memory, window, 1)
    assert (found.found.tolist(), found.over.tolist()) == ([False, True], [True, False])
    memory.oldest = 2
    found = recalled(memory, window)
    assert (found.found.tolist(), found.over.tolist()) == ([False, False], [False, False])
