"""Bytes in flight: bounded, and no tenant has all of them."""

from __future__ import annotations

import pytest

from ingest.answer import Code, Refused
from ingest.budget import Budget


def refused(budget: Budget, tenant: str, size: int) -> bool:
    try:
        budget.take_for(tenant, size)
    except Refused as refusal:
        return refusal.code is Code.UNAVAILABLE
    return False


def test_what_is_above_the_limit_is_refused_until_something_is_given_back() -> None:
    budget = Budget(100)
    budget.take(60)
    with pytest.raises(Refused):
        budget.take(41)
    budget.give(60)
    budget.take(1000)  # alone
    with pytest.raises(Refused):
        budget.take(1)


def test_a_tenant_with_a_backlog_leaves_room_for_the_others() -> None:
    budget = Budget(100)
    budget.take_for("big", 85)
    assert refused(budget, "big", 10)
    assert not refused(budget, "small", 10)
    assert not refused(budget, "big", 5)
    assert refused(budget, "other", 20)
    budget.give_for("big", 85)
    assert not refused(budget, "other", 20)
    budget.give_for("big", 5)
    assert not refused(budget, "big", 70)


def test_one_large_call_of_a_tenant_is_always_let_in_when_nothing_else_is_there() -> None:
    budget = Budget(100)
    assert not refused(budget, "big", 1000)
    budget.give_for("big", 1000)
    assert budget.share == 0


def test_a_large_body_keeps_room_for_the_work_on_it_until_that_is_done() -> None:
    budget = Budget(96 << 20)
    working = budget.take_for("big", 20 << 20)
    assert working == 40 << 20
    assert refused(budget, "other", 40 << 20)
    budget.give(working)
    assert not refused(budget, "other", 40 << 20)


def test_a_small_body_keeps_none() -> None:
    assert Budget(96 << 20).take_for("small", 1 << 20) == 0


def test_a_large_body_gets_in_beside_others() -> None:
    budget = Budget(96 << 20)
    budget.take(20 << 20)
    assert budget.take_for("big", 64 << 20) <= 8 << 20
