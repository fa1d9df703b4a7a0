"""The token bucket: exact over time, whatever comes in between."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.limits.bucket import Bucket


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    bucket = Bucket(rate=10, burst=50, now=0)
    bucket.charge(0, 50)
    assert bucket.wait(0) == 0
    bucket.charge(0, 20)
    assert bucket.wait(0) == 2
    assert bucket.wait(1.5) == 0.5
    assert bucket.wait(2) == 0


def test_the_wait_is_the_real_time_until_the_debt_is_paid() -> None:
    bucket = Bucket(rate=3, burst=1, now=100)
    bucket.charge(100, 1000)
    wait = bucket.wait(100)
    assert bucket.wait(100 + wait * 0.999) > 0
    assert bucket.wait(100 + wait * 1.001) == 0


def test_what_is_reserved_counts_as_spent() -> None:
    bucket = Bucket(rate=10, burst=5, now=0)
    assert bucket.wait(0, reserved=5) == 0
    assert bucket.wait(0, reserved=25) == 2


def test_a_debt_outlives_a_change_of_the_rate_and_a_smaller_burst_cuts_what_is_saved() -> None:
    bucket = Bucket(rate=10, burst=100, now=0)
    bucket.resize(0, 1, 10)
    bucket.charge(0, 12)
    assert bucket.wait(0) == 2
    bucket.resize(0, 100, 1000)
    assert bucket.wait(0) == pytest.approx(0.02)


_CALLS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 500)), min_size=1, max_size=200)


@given(rate=st.floats(1, 1000), seconds=st.floats(0.1, 20), calls=_CALLS)
@settings(max_examples=200, deadline=None)
def test_in_any_time_no_more_passes_than_burst_and_rate_and_the_call_that_went_over(
    rate: float, seconds: float, calls: list[tuple[float, int]]
) -> None:
    burst = rate * seconds
    bucket, now, passed, largest = Bucket(rate, burst, 0.0), 0.0, 0, 0
    for pause, size in calls:
        now += pause
        if not bucket.wait(now):
            bucket.charge(now, size)
            passed += size
            largest = max(largest, size)
        assert passed <= burst + rate * now + largest + 1e-6


def test_over_time_a_greedy_caller_gets_exactly_the_rate() -> None:
    bucket, now, passed = Bucket(rate=1000, burst=1000, now=0.0), 0.0, 0
    for _ in range(20_000):
        if not bucket.wait(now):
            bucket.charge(now, 37)
            passed += 37
        now += 0.005
    assert passed == pytest.approx(1000 * now + 1000, rel=0.001)
    assert math.isfinite(bucket.wait(now))
