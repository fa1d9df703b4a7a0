"""dynamic: a rate for each key, made of attributes, so that about one of `goal` spans is kept, and rare keys all are.

As Refinery's EMA dynamic sampler (honeycombio/dynsampler-go v0.6, emasamplerate.go) does: counts of spans by key are
averaged over intervals, and each key gets a share of the goal by the logarithm of its average. What it leaves to chance
is left to a hash of the trace id here, so that the same traces are kept wherever they are decided again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from otelhouse.sampling.policy import ALWAYS, Decision, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import F64, I64, Mask
from schema.hash import xxh64_slices
from schema.wire import Owner
from schema.wire.text import text_of_values

_SALT = 0x64796E
_BETWEEN = "•"


@dataclass
class Average:
    """What is known of keys: counts of this interval, averages of those before, and the rates made of them.

    `next_ns`: when this interval ends (None: none has begun); `intervals`: how many have.
    """

    next_ns: int | None = None
    intervals: int = 0
    burst_sum: float = 0.0
    burst_threshold: float = 0.0
    counts: dict[str, float] = field(default_factory=dict)
    averages: dict[str, float] = field(default_factory=dict)
    rates: dict[str, int] = field(default_factory=dict)
    known: bool = False


@dataclass(frozen=True)
class Dynamic:
    """`fields`: attributes of spans, or else of their resources, of which a key is made. `interval_ns`: how often rates
    are adjusted; `burst_multiple` times the average's sum adjusts them at once (negative: never), from `burst_delay`
    intervals on. `most_keys`: that are counted in an interval; 0: all."""

    fields: tuple[str, ...]
    goal: int = 10
    interval_ns: int = 15_000_000_000
    weight: float = 0.5
    age_out: float = 0.5
    burst_multiple: float = 2.0
    burst_delay: int = 3
    most_keys: int = 500
    by_length: bool = False
    threshold: int = ALWAYS
    average: Average = field(init=False, compare=False)
    shares: list[F64] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "average", Average())
        object.__setattr__(self, "shares", [np.ones(0)])

    @property
    def probability(self) -> F64:
        """float64[traces] of the last evaluation."""
        return self.shares[0]

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        self._pass_time(now_ns)
        rates = np.ones(len(traces), np.int64)
        rows = np.flatnonzero(asked)
        keys = self._keys(traces, rows)
        for trace, key, spans in zip(rows.tolist(), keys, traces.span_count[rows].tolist(), strict=True):
            rates[trace] = self._rate(key, spans, now_ns)
        self.shares[0] = 1.0 / rates
        kept = _hashes(traces) % rates.astype(np.uint64) == 0
        return np.where(kept, Decision.SAMPLED, Decision.NOT_SAMPLED).astype(np.int8)

    def used(self) -> object:
        """The state, as JSON."""
        held = self.average
        return [
            held.next_ns, held.intervals, held.burst_sum, held.burst_threshold, held.counts, held.averages, held.rates,
            held.known,
        ]  # fmt: skip

    def go_on(self, used: list[Any]) -> None:
        """Take the state from what used() gave."""
        object.__setattr__(self, "average", Average(*used))

    def _pass_time(self, now_ns: int) -> None:
        held = self.average
        if held.next_ns is None:
            held.next_ns = now_ns + self.interval_ns
        elif now_ns >= held.next_ns:
            passed = (now_ns - held.next_ns) // self.interval_ns + 1
            held.next_ns += passed * self.interval_ns
            held.intervals += passed
            self._adjust()

    def _rate(self, key: str, spans: int, now_ns: int) -> int:
        """Count a trace, and say one of how many like it is kept."""
        held = self.average
        if not self.most_keys or key in held.counts or len(held.counts) < self.most_keys:
            held.counts[key] = held.counts.get(key, 0.0) + spans
            held.burst_sum += spans
        if 0 < held.burst_threshold <= held.burst_sum and held.intervals >= self.burst_delay:
            held.next_ns = now_ns + self.interval_ns
            self._adjust()
        if not held.known:
            return self.goal
        return held.rates.get(key, 1)

    def _adjust(self) -> None:
        """An interval is over: average its counts, and make rates of that. One without spans changes nothing."""
        held = self.average
        if not held.counts:
            return
        counts, held.counts, held.burst_sum = held.counts, {}, 0.0
        averages = {}
        for key in {**held.averages, **counts}:
            average = counts.get(key, 0.0) * self.weight + (1.0 - self.weight) * held.averages.get(key, 0.0)
            if average >= self.age_out:
                averages[key] = average
        held.averages = averages
        total = sum(max(1.0, average) for _, average in sorted(averages.items()))
        held.burst_threshold = total * self.burst_multiple
        logarithms = sum(math.log10(max(1.0, average)) for _, average in sorted(averages.items()))
        held.rates = rates_of(averages, total / self.goal / logarithms if logarithms else math.inf)
        held.known = True

    def _keys(self, traces: Traces, rows: I64) -> Iterator[str]:
        """The key of each of these traces: by field its different values, sorted."""
        texts = [self._values(traces, name, rows) for name in sorted(self.fields)]
        lengths = traces.span_count.tolist()
        for place, trace in enumerate(rows.tolist()):
            key = "".join(f"{text[place]}," for text in texts)
            yield f"{key}{lengths[trace]}" if self.by_length else key

    def _values(self, traces: Traces, name: str, rows: I64) -> list[str]:
        scan = traces.scan
        found = scan.find(Owner.ITEM, name.encode())
        found = np.where(found >= 0, found, scan.find(Owner.RESOURCE, name.encode())[scan.resource_of_items])
        there = np.flatnonzero(found >= 0)
        texts, _ = text_of_values(scan, found[there])
        coded = texts.cast(pa.string()).dictionary_encode()
        values = coded.dictionary.to_pylist()
        pairs = np.unique(traces.of_span[there] * max(1, len(values)) + coded.indices.to_numpy())
        joined: list[list[str]] = [[] for _ in range(len(traces))]
        for pair in pairs.tolist():
            joined[pair // len(values)].append(values[pair % len(values)])
        return ["".join(f"{value}{_BETWEEN}" for value in sorted(joined[trace])) for trace in rows.tolist()]


def rates_of(averages: Mapping[str, float], goal_ratio: float) -> dict[str, int]:
    """One of how many spans of each key is kept. `goal_ratio`: spans to keep for each unit of the averages' logarithms.

    What a key has less than its goal goes to those after it. (dynsampler-go, keyCalculation.go)
    """
    rates = {}
    extra = 0.0
    for left, key in zip(range(len(averages), 0, -1), sorted(averages), strict=True):
        count = max(1.0, averages[key])
        logarithm = math.log10(count)
        goal = max(1.0, logarithm * goal_ratio if logarithm else 0.0)
        goal += extra / left
        extra -= extra / left
        rates[key] = 1 if count <= goal else math.ceil(count / goal)
        extra += goal - count / rates[key]
    return rates


def _hashes(traces: Traces) -> np.ndarray:
    count = len(traces)
    flat = np.ascontiguousarray(traces.ids).reshape(-1)
    return xxh64_slices(flat, np.arange(count) * 16, np.full(count, 16, np.int64), _SALT)
