"""Pure pieces of rows: weights, ids, the table of known series, and what to pause."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from otelhouse.bus.contract import TopicPartition
from processor.backpressure import Load, to_pause
from processor.ids import mixed, segment_sums
from processor.metrics_rows.known import KnownSeries
from processor.traces.weight import adjusted_counts

# They name what is stored: a release that computes others would not find it again.
MIXED = [9716232063330790915, 16092610645815098345]


@pytest.mark.parametrize(
    ("trace_state", "weight"),
    [
        ("", 1.0),
        ("ot=th:0", 1.0),
        ("ot=th:8", 2.0),
        ("ot=th:c", 4.0),
        ("ot=th:fd70a", 2**56 / (2**56 - 0xFD70A000000000)),
        ("ot=rv:0123456789abcd;th:8", 2.0),
        ("vendor=x, ot=th:8 ,other=y", 2.0),
        ("ot=th:ffffffffffffff", float(2**56)),
        ("ot=th:", 1.0),
        ("ot=th:123456789012345", 1.0),
        ("ot=th:G", 1.0),
        ("notot=th:8", 1.0),
        ("ot=xth:8", 1.0),
    ],
)
def test_a_span_stands_for_as_many_as_its_threshold_says(trace_state: str, weight: float) -> None:
    assert adjusted_counts(pa.array(["", trace_state])).tolist() == [1.0, weight]


def test_mixed_hashes_never_change_and_depend_on_order() -> None:
    one, two = np.array([1, 2], np.uint64), np.array([3, 4], np.uint64)
    assert mixed(one, two).tolist() == MIXED
    assert mixed(two, one).tolist() != MIXED


def test_segment_sums_do_not_depend_on_order_and_handle_empty_segments() -> None:
    values = np.array([2**64 - 1, 5, 7, 9], np.uint64)
    assert segment_sums(values, np.array([0, 2, 2, 4])).tolist() == [4, 0, 16]
    assert segment_sums(values[[1, 0, 3, 2]], np.array([0, 2, 2, 4])).tolist() == [4, 0, 16]


def described(*parts: list[int]) -> list[list[tuple[int, int]]]:
    return [[(each, each + 100) for each in some] for some in parts]


def ids(known: KnownSeries, identities: list[int], counts: list[int]) -> list[int]:
    found, metrics = known.find(np.array(identities, np.uint64), np.array(counts))
    assert metrics.tolist() == [each + 100 for each in found.tolist()]
    return found.tolist()


def test_known_series_come_back_by_whole_columns() -> None:
    known = KnownSeries()
    known.add(np.array([30, 10], np.uint64), described([1, 2, 3], [4]))
    known.add(np.array([20], np.uint64), described([5, 6]))
    assert known.unknown(np.array([10, 15, 20, 30, 99], np.uint64)).tolist() == [False, True, False, False, True]
    assert ids(known, [20, 30, 10, 20], [2, 3, 1, 2]) == [5, 6, 1, 2, 3, 4, 5, 6]
    with pytest.raises(KeyError):
        ids(known, [11], [1])


def test_known_series_are_bounded() -> None:
    known = KnownSeries(most_parts=10)
    for first in range(0, 100, 4):
        known.make_room(8)
        known.add(np.arange(first, first + 4, dtype=np.uint64), described(*[[first, 1]] * 4))
        assert len(known) <= 4
    assert ids(known, [96], [2]) == [96, 1]


A, B, C = (TopicPartition("t", number) for number in range(3))


@pytest.mark.parametrize(
    ("loads", "paused"),
    [
        ({A: Load(0, 0, 50), B: Load(1, 10, 0)}, set()),
        ({A: Load(2, 10, 0), B: Load(1, 10, 0)}, {A}),
        ({A: Load(1, 90, 0), B: Load(0, 0, 20)}, {A, B}),
        ({A: Load(0, 0, 60), B: Load(0, 0, 70), C: Load(0, 0, 5)}, {A, C}),
    ],
)
def test_what_is_held_stays_bounded_and_something_always_goes_on(
    loads: dict[TopicPartition, Load], paused: set[TopicPartition]
) -> None:
    assert to_pause(loads, budget=100) == paused
