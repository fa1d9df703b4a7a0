"""Series that look like those of real targets, by kind: what their values do decides what a sample costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from schema.arrays import F64, I64

STEPS, STEP_MS = 480, 15_000
"""Two hours, one of Prometheus' blocks, scraped each 15 seconds."""
START_MS = 1_764_000_000_000
TARGETS = 40
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

COUNTERS, SECONDS, DECIMALS, FLOATS, WHOLE = (
    "counters, buckets of histograms",
    "counters of seconds",
    "gauges of two decimals",
    "gauges of any float",
    "gauges of bytes, constants",
)


@dataclass(frozen=True, slots=True)
class Made:
    """One series: float64[STEPS] at int64[STEPS] milliseconds."""

    kind: str
    metric: str
    labels: dict[str, str]
    times: I64
    values: F64


def series(seed: int = 1) -> Iterator[Made]:
    """Those of all targets. Scrapes are at a time of their target's own, to the millisecond, as Prometheus keeps it."""
    rng = np.random.default_rng(seed)
    for target in range(TARGETS):
        times = START_MS + int(rng.integers(STEP_MS)) + STEP_MS * np.arange(STEPS)
        labels = {"job": f"job-{target % 5}", "instance": f"10.0.0.{target}:9100"}
        for kind, metric, own, values in _values(rng):
            yield Made(kind, metric, labels | own, times, values.astype(np.float64))


def _values(rng: np.random.Generator) -> Iterator[tuple[str, str, dict[str, str], F64 | I64]]:
    load = np.exp(rng.normal(3, 1.5)) * (1 + 0.3 * np.sin(np.linspace(0, 6, STEPS) + rng.uniform(0, 6)))
    for handler in range(12):
        requests = rng.poisson(load * np.exp(rng.normal(0, 1)))
        yield COUNTERS, "http_requests_total", {"handler": f"/{handler}"}, requests.cumsum() + rng.integers(10**6)
    for code in range(4):
        yield COUNTERS, "errors_total", {"code": f"50{code}"}, rng.poisson(0.02, STEPS).cumsum() + rng.integers(50)
    for device in range(3):
        sent = (rng.poisson(load) * rng.normal(1500, 300, STEPS)).clip(0).astype(np.int64)
        yield COUNTERS, "sent_bytes_total", {"device": f"eth{device}"}, sent.cumsum() + rng.integers(10**9)
    for cpu in range(3):
        yield SECONDS, "cpu_seconds_total", {"cpu": str(cpu)}, rng.gamma(2, load / 100).cumsum() + rng.uniform(0, 1000)
    for handler in range(2):
        yield from _histogram(rng, load, {"handler": f"/{handler}"})
    for core in range(4):
        yield FLOATS, "temperature_celsius", {"core": str(core)}, 50 + rng.normal(0, 0.3, STEPS).cumsum()
    for disk in range(3):
        used = np.round(50 + rng.normal(0, 0.3, STEPS).cumsum(), 2)
        yield DECIMALS, "disk_used_percent", {"disk": str(disk)}, used
    for kind in range(4):
        yield WHOLE, "memory_bytes", {"kind": str(kind)}, 4096 * (20_000 + rng.integers(-50, 51, STEPS).cumsum())
    for limit in range(6):
        yield WHOLE, "limit", {"of": str(limit)}, np.full(STEPS, int(rng.integers(100)))


def _histogram(
    rng: np.random.Generator, load: F64, labels: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, str], F64 | I64]]:
    share = rng.dirichlet(np.exp(-(((np.arange(len(BOUNDS) + 1) - 5) / 2.5) ** 2)) * 10)
    count = rng.poisson(load)
    buckets = np.array([rng.multinomial(each, share) for each in count]).cumsum(0).cumsum(1)
    for number, bound in enumerate((*map(str, BOUNDS), "+Inf")):
        yield COUNTERS, "duration_seconds_bucket", labels | {"le": bound}, buckets[:, number]
    yield COUNTERS, "duration_seconds_count", labels, buckets[:, -1]
    yield SECONDS, "duration_seconds_sum", labels, rng.gamma(2, count / 100 + 1e-9).cumsum()
