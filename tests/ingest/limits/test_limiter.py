"""The limiter: which calls are let in, and what they are charged."""

from __future__ import annotations

import math

import pytest

from ingest.answer import Code
from ingest.limits.limiter import Limited, Limiter, Limits, Ticket
from ingest.limits.policy import CompileLimits, default_limits
from ingest.limits.shares import Shares
from otelhouse.clock import ManualClock
from otelhouse.config import IngestSettings
from otelhouse.rules.documents.limits import SignalLimits
from schema.signal import Signal

TRACES = Signal.TRACES


class House:
    """A limiter whose tenants' limits the test sets."""

    def __init__(self, **limits: float) -> None:
        self.clock = ManualClock()
        self.limits: dict[str, Limits] = {}
        self.set("acme", **limits)
        self.limiter = Limiter(lambda tenant: self.limits.get(tenant, (None, None, None)), self.clock)

    def set(self, tenant: str, **limits: float) -> None:
        self.limits[tenant] = (SignalLimits(**limits), None, None) if limits else (None, None, None)

    def enter(self, size: int = 100, tenant: str = "acme") -> Ticket:
        ticket = self.limiter.enter(tenant, TRACES, size)
        assert ticket is not None
        return ticket

    def call(self, size: int = 100, items: int = 1, read: int = 0) -> None:
        """A whole call of `size` bytes that are `read` bytes after decompression."""
        ticket = self.enter(size)
        ticket.settle(read or size, items)
        ticket.leave()

    def refusal(self, size: int = 100) -> Limited:
        with pytest.raises(Limited) as caught:
            self.enter(size)
        return caught.value

    def passed(self, seconds: float, size: int, items: int, read: int = 0) -> int:
        """Calls that pass when one is tried each millisecond."""
        passed = 0
        for _ in range(int(seconds * 1000)):
            try:
                self.call(size, items, read)
                passed += 1
            except Limited:
                pass
            self.clock.advance(0.001)
        return passed


def test_who_has_no_limit_gets_no_ticket() -> None:
    house = House()
    assert house.limiter.enter("acme", TRACES, 1 << 30) is None
    assert house.limiter.enter("other", TRACES, 1 << 30) is None


def test_a_limit_of_one_signal_is_not_that_of_another_or_of_another_tenant() -> None:
    house = House(items_per_second=1, burst_seconds=1)
    house.call(items=100)
    assert house.refusal().rule == "items_per_second"
    assert house.limiter.enter("acme", Signal.LOGS, 100) is None
    assert house.limiter.enter("other", TRACES, 100) is None


def test_a_refusal_says_when_to_come_again_and_then_it_passes() -> None:
    house = House(bytes_per_second=1000, burst_seconds=1)
    house.call(size=4000)
    refused = house.refusal()
    assert (refused.code, refused.rule, refused.retry_seconds) == (Code.LIMITED, "bytes_per_second", 3.0)
    house.clock.advance(2.9)
    assert house.refusal().retry_seconds == pytest.approx(0.1)
    house.clock.advance(0.1001)
    house.call()


def test_over_time_exactly_the_limit_passes_in_items_and_in_bytes_after_decompression() -> None:
    items = House(items_per_second=1000, burst_seconds=1)
    assert items.passed(60, size=10, items=16) * 16 == pytest.approx(61_000, rel=0.005)
    read = House(bytes_per_second=10_000, burst_seconds=1)
    assert read.passed(60, size=10, items=1, read=80) * 80 == pytest.approx(610_000, rel=0.005)


def test_many_large_calls_at_once_are_held_by_what_they_declare() -> None:
    house = House(bytes_per_second=1000, burst_seconds=1)
    tickets = [house.enter(600), house.enter(600)]  # the second on what is left of the burst
    assert house.refusal(600).retry_seconds == pytest.approx(0.2, rel=0.01)
    assert house.passed(0.001, size=600, items=1) == 0
    for ticket in tickets:
        ticket.leave()
    house.enter(600)


def test_what_calls_were_like_is_what_the_next_are_reserved_for() -> None:
    """A call of unknown size, and one that is compressed, take what the ones before them took."""
    house = House(items_per_second=1000, burst_seconds=1)
    house.call(size=100, items=500)
    house.clock.advance(10)
    first, second, third = house.enter(100), house.enter(0), house.enter(100)
    assert house.refusal().rule == "items_per_second"
    for ticket in (first, second, third):
        ticket.leave()
    house.enter(100)


def test_a_call_that_was_never_read_costs_nothing() -> None:
    house = House(bytes_per_second=1000, burst_seconds=1)
    for _ in range(10):
        house.enter(2000).leave()
    house.call(1000)


def test_calls_at_a_time_are_limited_and_leaving_makes_room() -> None:
    house = House(concurrent_requests=2)
    first, _ = house.enter(), house.enter()
    refused = house.refusal()
    assert refused.rule == "concurrent_requests"
    assert refused.retry_seconds > 0
    first.leave()
    house.enter()
    house.refusal()


def test_a_limit_changes_while_calls_are_under_way_and_debts_stay() -> None:
    house = House(items_per_second=10, burst_seconds=1)
    ticket = house.enter()
    ticket.settle(100, 110)
    house.set("acme", items_per_second=100, burst_seconds=1)
    assert house.refusal().retry_seconds == 1.0
    ticket.leave()
    house.set("acme", bytes_per_second=100, burst_seconds=1)
    house.call()
    house.set("acme")
    assert house.limiter.enter("acme", TRACES, 1 << 30) is None


def test_a_share_of_a_limit_is_that_much_of_everything() -> None:
    house = House(items_per_second=1000, burst_seconds=1, concurrent_requests=8)
    house.limiter.share(Shares(4, {("acme", TRACES): 0.25}))
    assert house.passed(60, size=10, items=10) * 10 == pytest.approx(15_250, rel=0.01)
    house.clock.advance(10)
    tickets = [house.enter(), house.enter()]
    assert house.refusal().rule == "concurrent_requests"
    house.limiter.share(Shares())
    house.enter()
    assert len(tickets) == 2


def test_demand_is_what_was_asked_for_in_parts_of_the_limit_and_fades() -> None:
    house = House(items_per_second=1000, burst_seconds=1)
    house.call(size=100, items=10)
    for _ in range(6):
        house.passed(1, size=100, items=10)  # ten times the limit: refused calls count too
        demand = house.limiter.demand()
    assert demand["acme", TRACES] == pytest.approx(10, rel=0.1)
    for _ in range(40):
        house.clock.advance(1)
        demand = house.limiter.demand()
    assert demand == {}
    assert not house.limiter._gates, "idle tenants are forgotten"


def test_the_operators_defaults_hold_where_a_document_says_nothing() -> None:
    settings = IngestSettings(limit_items_per_second=5, limit_concurrent_requests=3)
    defaults = default_limits(settings)
    assert defaults == SignalLimits(math.inf, 5, 10, 3)
    assert CompileLimits(defaults)(None, "acme") == (defaults, defaults, defaults)
    assert CompileLimits(default_limits(IngestSettings()))(None, "acme") == (None, None, None)
