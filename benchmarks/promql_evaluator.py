"""Evaluating PromQL over samples in memory: milliseconds a query, beside what reading the samples once costs.

SERIES (50,000) series of 480 samples, 15 s apart; range queries of 240 steps. The floor is a sum over the same samples.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

import numpy as np

from otelhouse.promql.engine import evaluate
from otelhouse.promql.selectors import Selector
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.storage import Samples

SERIES = int(os.environ.get("SERIES", "50000"))
SAMPLES, INTERVAL_MS, STEPS = 480, 15_000, 240
START_MS = 1_764_000_000_000
END_MS = START_MS + (SAMPLES - 1) * INTERVAL_MS
ROUNDS = 3
RANGE = Steps(START_MS + 300_000, END_MS, (END_MS - START_MS - 300_000) // (STEPS - 1))
LIMITS = ("0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "+Inf")
QUERIES = (
    ("sum(rate(m_total[5m]))", RANGE),
    ("sum by (job) (rate(m_total[5m]))", RANGE),
    ("histogram_quantile(0.9, sum by (le) (rate(m_total[5m])))", RANGE),
    ("topk(10, rate(m_total[5m]))", RANGE),
    ("max_over_time(m_total[30m])", RANGE),
    ("rate(m_total[5m]) / rate(m_total[10m])", RANGE),
    ("max_over_time(m_total[1h])", Steps.at(END_MS)),
    ("m_total", Steps.at(END_MS)),
)


class _Memory:
    """One metric, of which a query reads all samples."""

    def __init__(self) -> None:
        dice = np.random.default_rng(1)
        labels = [
            {
                "__name__": "m_total",
                "instance": f"10.0.{i // 2560}.{i // 10 % 256}:9100",
                "job": f"job-{i % 20}",
                "le": LIMITS[i % len(LIMITS)],
            }
            for i in range(SERIES)
        ]
        times = np.tile(START_MS + np.arange(SAMPLES, dtype=np.int64) * INTERVAL_MS, SERIES)
        values = dice.integers(0, 100, (SERIES, SAMPLES)).cumsum(axis=1).astype(np.float64).ravel()
        offsets = np.arange(SERIES + 1, dtype=np.int64) * SAMPLES
        self.samples = Samples(labels, offsets, times, values, np.zeros(SERIES, np.bool_))

    async def select(self, selector: Selector, start_ms: int, end_ms: int) -> Samples:
        return self.samples


def main() -> None:
    """Print the best of ROUNDS."""
    memory = _Memory()
    floor = min(_floor(memory.samples) for _ in range(ROUNDS))
    sys.stdout.write(f"\n{SERIES:,} series x {SAMPLES} samples; floor {floor * 1e3:.0f} ms\n")
    for query, at in QUERIES:
        asyncio.run(evaluate(query, memory, at, Settings()))
        wall, cpu = min(_spent(query, memory, at) for _ in range(ROUNDS))
        sys.stdout.write(f"{query:60} {wall * 1e3:6.0f} ms {cpu * 1e3:6.0f} CPU ms {cpu / floor:6.1f} x the floor\n")


def _floor(samples: Samples) -> float:
    begun = time.process_time()
    samples.values.sum()
    samples.times.sum()
    return time.process_time() - begun


def _spent(query: str, memory: _Memory, at: Steps) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(evaluate(query, memory, at, Settings()))
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
