"""How replicas share a limit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.limits.shares import GUARANTEED, Shares, own_shares, shares
from schema.signal import Signal

_DEMANDS = st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1e9)), min_size=1, max_size=50)
PLACE = "acme", Signal.LOGS


@given(_DEMANDS)
def test_the_shares_sum_to_the_limit_and_nobody_is_left_with_nothing(demands: list[float]) -> None:
    found = shares(demands)
    assert sum(found) == pytest.approx(1)
    least = GUARANTEED / len(demands) / (1 + GUARANTEED)
    assert all(share >= least * 0.999 for share in found)


@given(_DEMANDS)
def test_who_asks_for_more_never_gets_less(demands: list[float]) -> None:
    found = shares(demands)
    by_demand = [share for _, share in sorted(zip(demands, found, strict=True))]
    assert all(a <= b * (1 + 1e-9) for a, b in pairwise(by_demand))


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        ([0.0], [1.0]),
        ([7.0], [1.0]),
        ([0.0, 0.0], [0.5, 0.5]),
        ([10.0, 0.0], [8 / 9, 1 / 9]),
        ([3.0, 1.0], [0.75, 0.25]),
        ([10.0, 0.0, 0.0, 0.0], [16 / 19, 1 / 19, 1 / 19, 1 / 19]),
    ],
)
def test_the_formula(demands: list[float], expected: list[float]) -> None:
    assert shares(demands) == pytest.approx(expected)


def test_alone_is_everything_and_where_nobody_asks_all_have_the_same() -> None:
    assert Shares().of(PLACE) == 1
    assert own_shares({}, []).of(PLACE) == 1
    assert own_shares({}, [{}, {}]).of(PLACE) == pytest.approx(1 / 3)


def test_demand_elsewhere_leaves_the_guaranteed_part() -> None:
    assert own_shares({}, [{PLACE: 5.0}]).of(PLACE) == pytest.approx(1 / 9)
