"""Series with all that makes evaluation hard: resets, gaps, jitter, stale markers, NaN, Inf, missing labels."""

from __future__ import annotations

import math
import random

import numpy as np

from tests.otelhouse.promql.memory import STALE, Series

INTERVAL_MS = 15_000
SAMPLES = 160
BUCKETS = ("0.1", "0.5", "1", "2.5", "10", "+Inf")


def generated(seed: int, start_ms: int) -> list[Series]:
    """The same for a seed; each has up to SAMPLES samples, INTERVAL_MS apart, more or less."""
    dice = random.Random(seed)
    found = []
    for job in ("api", "web", "db"):
        for instance in ("0", "1", "2"):
            base = {"job": job, "instance": instance}
            if dice.random() < 0.3:
                base["env"] = dice.choice(("prod", "test"))
            if dice.random() < 0.8:
                found.append(_series(dice, {"__name__": "requests_total", **base, "code": "200"}, start_ms, _counter))
            if dice.random() < 0.8:
                found.append(_series(dice, {"__name__": "requests_total", **base, "code": "500"}, start_ms, _counter))
            if dice.random() < 0.9:
                found.append(_series(dice, {"__name__": "temperature", **base}, start_ms, _gauge))
            if dice.random() < 0.6:
                found.append(_series(dice, {"__name__": "odd", **base}, start_ms, _odd))
            found.append(_series(dice, {"__name__": "level", **base}, start_ms, _small))
            if dice.random() < 0.7:
                found.extend(_histogram(dice, {"__name__": "latency_bucket", **base}, start_ms))
        found.append(
            _series(dice, {"__name__": "job_info", "job": job, "version": f"v{dice.randint(1, 3)}"}, start_ms, _one)
        )
    found.append(_series(dice, {"__name__": "my.metric", "a.label": "x y", "job": "api"}, start_ms, _gauge))
    found.append(_series(dice, {"__name__": "huge", "job": "api", "instance": "0"}, start_ms, _huge))
    found.append(_series(dice, {"__name__": "huge", "job": "api", "instance": "1"}, start_ms, _huge))
    return found


def _series(dice, labels, start_ms, values) -> Series:
    times = _times(dice, start_ms)
    made = np.array(values(dice, len(times)), np.float64)
    for i in range(len(times)):
        if dice.random() < 0.01:
            made[i] = STALE
    return Series(labels, times, made)


def _times(dice, start_ms) -> list[int]:
    """Some begin late or end early, some jitter, some have gaps."""
    jitter = dice.choice((0, 0, 3, 2_000))
    first = dice.choice((0, 0, 0, dice.randint(0, SAMPLES - 10)))
    last = dice.choice((SAMPLES, SAMPLES, dice.randint(first + 5, SAMPLES)))
    gaps = dice.choice((0.0, 0.0, 0.05, 0.5))
    times, skip = [], 0
    for i in range(first, last):
        if skip:
            skip -= 1
        elif dice.random() < gaps / 10:
            skip = dice.randint(5, 40)
        elif dice.random() >= gaps:
            times.append(start_ms + i * INTERVAL_MS + dice.randint(0, jitter))
    return times or [start_ms]


def _counter(dice, count):
    found, value = [], dice.choice((0, 0, 1e6))
    for _ in range(count):
        if dice.random() < 0.03:
            value = dice.choice((0, 3))
        value += dice.choice((0, 1, 5, dice.random() * 100))
        found.append(value)
    return found


def _gauge(dice, count):
    value = dice.uniform(-50, 50)
    return [value := value + dice.uniform(-3, 3) for _ in range(count)]


def _small(dice, count):
    return [float(dice.randint(0, 4)) for _ in range(count)]


def _odd(dice, count):
    odd = (math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1e308, 1e-300)
    return [dice.choice(odd) if dice.random() < 0.2 else float(dice.randint(-3, 3)) for _ in range(count)]


def _huge(dice, count):
    return [dice.choice((1e308, -1e308, 1.7e308, 1e292, 3.0)) for _ in range(count)]


def _one(dice, count):
    return [1.0] * count


def _histogram(dice, labels, start_ms) -> list[Series]:
    times = _times(dice, start_ms)
    counts, rows = [0.0] * len(BUCKETS), []
    for _ in times:
        for _ in range(dice.randint(0, 8)):
            at = dice.randrange(len(BUCKETS))
            counts = [value + (i >= at) for i, value in enumerate(counts)]
        if dice.random() < 0.02:
            counts = [0.0] * len(BUCKETS)
        shaken = [value + (dice.random() < 0.02) * 2 for value in counts]
        rows.append(shaken)
    return [
        Series({**labels, "le": limit}, times, np.array([row[i] for row in rows]))
        for i, limit in enumerate(BUCKETS)
        if limit == "+Inf" or dice.random() < 0.95
    ]
