"""Token buckets for each tenant and signal with a limit. Lives on the event loop's thread; no lock, no waiting.

A call is let in while no balance is negative, and at once what it will probably cost is reserved, so that many large
calls that come together are not all let in on one positive balance. Once it was read, its real bytes and items are
charged instead: over time exactly the limit passes.
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.answer import Code, Refused
from ingest.limits.bucket import Bucket
from ingest.limits.shares import Place, Shares
from otelhouse.clock import Clock
from otelhouse.rules.documents.limits import SignalLimits
from schema.signal import Signal

Limits = tuple[SignalLimits | None, SignalLimits | None, SignalLimits | None]
"""A tenant's limits by signal; None: none at all. The same object as long as the rule is the same."""
LimitsOf = Callable[[str], Limits]

LEAST_RETRY_SECONDS = 0.1
CONCURRENCY_RETRY_SECONDS = 1.0
"""Nobody knows when a call under way will end."""
LOOK_BYTES_PER_SECOND = 256 << 10
LOOK_SECONDS = 8.0
"""Bodies of refused calls that are read to count their items: those of clients that wait when told, not a flood's."""
_MEMORY = 0.9
"""What an older call counts in the guess of what the next one costs, in proportion to the one after it."""
_DEMAND_WEIGHT = 0.5
"""Of the newest second in the demand that is told: steady within a few seconds, calm against single bursts."""


class Limited(Refused):
    """Refused by a limit. `rule`: its name in the document; `countable`: whether the body may be read for its items."""

    def __init__(self, rule: str, message: str, retry_seconds: float, countable: bool) -> None:
        super().__init__(Code.LIMITED, message, retry_seconds)
        self.rule = rule
        self.countable = countable


class Ticket:
    """A call that was let in. `leave()` must be called once it is answered, `settle()` once it was read, if it was."""

    __slots__ = ("_bytes", "_gate", "_items", "_open", "_size")

    def __init__(self, gate: Gate, size: float, size_bytes: float, size_items: float) -> None:
        self._gate = gate
        self._size = size
        self._bytes = size_bytes
        self._items = size_items
        self._open = True

    def settle(self, size: int, items: int) -> None:
        """Charge what the call really was: bytes of protobuf, OTLP items."""
        if self._open:
            self._open = False
            self._gate.release(self._bytes, self._items)
        self._gate.charge(self._size, size, items)

    def leave(self) -> None:
        """The call is over; what was never read is not charged."""
        if self._open:
            self._open = False
            self._gate.release(self._bytes, self._items)
        self._gate.running -= 1


class Gate:
    """One tenant's buckets for one signal."""

    def __init__(self, signal: Signal, limits: SignalLimits, share: float, clock: Clock) -> None:
        self.running = 0
        self.limits = limits
        self._signal = signal
        self._clock = clock
        self.share = share
        now = clock.monotonic()
        burst = limits.burst_seconds * share
        self._bytes = _bucket(limits.bytes_per_second, share, burst, now)
        self._items = _bucket(limits.items_per_second, share, burst, now)
        self._looks = Bucket(LOOK_BYTES_PER_SECOND, LOOK_BYTES_PER_SECOND * LOOK_SECONDS, now)
        self._reserved_bytes = 0.0
        self._reserved_items = 0.0
        # Sums over calls, older ones counting less: what the next call is guessed by.
        self._calls, self._declared, self._read, self._counted = 1.0, 1.0, 1.0, 0.0
        self._offered = 0.0
        self._demand = 0.0

    def enter(self, declared: int) -> Ticket:
        """Let a call of so many (perhaps compressed) bytes in; 0: not known. Raises Limited."""
        size = declared or self._declared / self._calls
        size_bytes = size * self._read / self._declared
        size_items = size * self._counted / self._declared
        self._offered += self._cost(size_bytes, size_items)
        now = self._clock.monotonic()
        limits = self.limits
        if self.running >= max(1.0, limits.concurrent_requests * self.share):
            raise self._limited("concurrent_requests", limits.concurrent_requests, CONCURRENCY_RETRY_SECONDS, size)
        if self._bytes is not None and (wait := self._bytes.wait(now, self._reserved_bytes)):
            raise self._limited("bytes_per_second", limits.bytes_per_second, wait, size)
        if self._items is not None and (wait := self._items.wait(now, self._reserved_items)):
            raise self._limited("items_per_second", limits.items_per_second, wait, size)
        self.running += 1
        self._reserved_bytes += size_bytes
        self._reserved_items += size_items
        return Ticket(self, size, size_bytes, size_items)

    def release(self, size_bytes: float, size_items: float) -> None:
        """Give a reservation back."""
        self._reserved_bytes -= size_bytes
        self._reserved_items -= size_items

    def charge(self, declared: float, size: int, items: int) -> None:
        """Charge a call, and learn from it."""
        now = self._clock.monotonic()
        if self._bytes is not None:
            self._bytes.charge(now, size)
        if self._items is not None:
            self._items.charge(now, items)
        self._calls = self._calls * _MEMORY + 1
        self._declared = self._declared * _MEMORY + declared
        self._read = self._read * _MEMORY + size
        self._counted = self._counted * _MEMORY + items

    def change(self, limits: SignalLimits, share: float) -> None:
        """Go on with other limits or another share of them; debts stay."""
        now = self._clock.monotonic()
        self.limits, self.share = limits, share
        burst = limits.burst_seconds * share
        self._bytes = _resized(self._bytes, limits.bytes_per_second, share, burst, now)
        self._items = _resized(self._items, limits.items_per_second, share, burst, now)

    def demand(self, seconds: float) -> float:
        """How much of the whole limit was asked for in the last `seconds`, smoothed; call it once a heartbeat."""
        recent = self._offered / seconds
        self._offered = 0.0
        self._demand += (recent - self._demand) * _DEMAND_WEIGHT
        return self._demand

    def is_idle(self) -> bool:
        """Whether it may be forgotten."""
        now = self._clock.monotonic()
        full = all(bucket is None or bucket.is_full(now) for bucket in (self._bytes, self._items))
        return full and not self.running and self._demand < _NO_DEMAND

    def _cost(self, size_bytes: float, size_items: float) -> float:
        """Seconds of the whole limit that a call takes, where it takes most."""
        return max(
            size_bytes / self.limits.bytes_per_second,
            size_items / self.limits.items_per_second,
            1 / self.limits.concurrent_requests,
        )

    def _limited(self, rule: str, limit: float, wait: float, size: float) -> Limited:
        message = f"the limit of {self._signal.name.lower()}.{rule}, {limit:g} for this tenant, is reached"
        now = self._clock.monotonic()
        if countable := not self._looks.wait(now):
            self._looks.charge(now, size)
        return Limited(rule, message, max(wait, LEAST_RETRY_SECONDS), countable)


_NO_DEMAND = 1e-6


class Limiter:
    """The gates of all tenants. `enter()` costs a dictionary look-up where there is no limit."""

    def __init__(self, limits_of: LimitsOf, clock: Clock) -> None:
        self._limits_of = limits_of
        self._clock = clock
        self._gates: dict[Place, Gate] = {}
        self._shares = Shares()
        self._told = clock.monotonic()

    def enter(self, tenant: str, signal: Signal, declared: int) -> Ticket | None:
        """None where there is no limit. Raises Limited."""
        limits = self._limits_of(tenant)[signal]
        if limits is None:
            return None
        place = tenant, signal
        gate = self._gates.get(place)
        if gate is None:
            gate = self._gates[place] = Gate(signal, limits, self._shares.of(place), self._clock)
        elif gate.limits is not limits:
            gate.change(limits, self._shares.of(place))
        return gate.enter(declared)

    def demand(self) -> dict[Place, float]:
        """What was asked for since the last time, where there are limits and somebody asked."""
        now = self._clock.monotonic()
        seconds = max(now - self._told, 1e-3)
        self._told = now
        demand = {place: gate.demand(seconds) for place, gate in self._gates.items()}
        for place, gate in list(self._gates.items()):
            if gate.is_idle():
                del self._gates[place]
        return {place: asked for place, asked in demand.items() if asked >= _NO_DEMAND}

    def share(self, shares: Shares) -> None:
        """From now on this replica has these shares of the limits."""
        self._shares = shares
        for place, gate in self._gates.items():
            if (share := shares.of(place)) != gate.share:
                gate.change(gate.limits, share)


def _bucket(rate: float, share: float, burst_seconds: float, now: float) -> Bucket | None:
    return None if rate == float("inf") else Bucket(rate * share, rate * burst_seconds, now)


def _resized(bucket: Bucket | None, rate: float, share: float, burst_seconds: float, now: float) -> Bucket | None:
    if bucket is None or rate == float("inf"):
        return _bucket(rate, share, burst_seconds, now)
    bucket.resize(now, rate * share, rate * burst_seconds)
    return bucket
