"""Buckets of durations: the same everywhere, and as wide as is said."""

from __future__ import annotations

import numpy as np
import pytest

from processor.traces.groups import buckets_of
from schema.durations import LAST, NOTHING, middle


def _buckets(*durations: int) -> list[int]:
    found: list[int] = buckets_of(np.array(durations, np.int64)).tolist()
    return found


def test_doubling_a_duration_moves_it_by_sixteen_buckets() -> None:
    assert _buckets(1, 2, 4, 1 << 40, 1 << 62) == [0, 16, 32, 640, 992]


def test_no_time_and_less_have_a_bucket_of_their_own() -> None:
    assert _buckets(0, -5) == [NOTHING, NOTHING]
    assert middle(NOTHING) == 0


def test_the_longest_duration_is_in_the_last_bucket() -> None:
    assert _buckets(2**63 - 1) == [LAST]


def test_buckets_ascend_and_their_bounds_are_exact() -> None:
    # The first integer at or above each bound, where they are dense enough to have one.
    for bucket in range(160, 1000, 7):
        root = _root(bucket)
        assert _buckets(root - 1, root) == [bucket - 1, bucket]


def _root(bucket: int) -> int:
    """The smallest integer r with r^16 >= 2^bucket."""
    low, high = 1, 1 << 63
    while low < high:
        half = (low + high) // 2
        low, high = (low, half) if half**16 >= 1 << bucket else (half + 1, high)
    return low


@pytest.mark.parametrize("duration", [1_000, 999_999, 123_456_789, 3_600_000_000_000, 7 << 59])
def test_a_bucket_tells_a_duration_to_two_and_a_quarter_percent(duration: int) -> None:
    (bucket,) = _buckets(duration)
    assert middle(bucket) == pytest.approx(duration, rel=0.0225)
