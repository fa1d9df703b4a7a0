"""What recording rules cost a processor: ten rules over a stream of samples, beside the same stream without rules.

SERIES (100,000) counters of ten metrics, scraped TURNS (28) times, each 15 s, in one partition; each rule reads one of
the metrics, over five minutes, each minute. Both scan, name and count the samples, and make the rows of `samples`.
"""

from __future__ import annotations

import gc
import os
import sys
from functools import partial

import numpy as np

from benchmarks.harness import measure
from benchmarks.processor import no_rules
from otelhouse.bus.contract import Record, TopicPartition
from processor.build import Builder, Built
from processor.memory import give_back
from processor.metrics_rows.state import MetricsState
from processor.recording.state import Recording
from processor.rules import RECORDING, SERIES, PartitionRules
from processor.window import Entry, Window
from schema.record import Framing
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version as Protocol
from schema.signal import Signal
from tests.support.memory import resident
from tests.support.recorded import Always
from tests.support.remote_write import V1, v1_series

MANY = int(os.environ.get("SERIES", "100000"))
TURNS = int(os.environ.get("TURNS", "28"))
A_WINDOW = 50_000
START_MS = 1_764_000_000_000
_TOPIC = TopicPartition(Signal.METRICS.topic, 0)
_FRAMING = Framing("acme", 1, 0)
FUNCTIONS = (
    "sum by (job) (rate({}[5m]))",
    "sum by (job, code) (increase({}[5m]))",
    "avg without (pod, instance) (rate({}[5m]))",
    "max by (job) (max_over_time({}[5m]))",
    "count by (job) ({})",
)
RULES = {
    "groups": [
        {
            "name": "bench",
            "rules": [
                {"record": f"rule{number}", "expr": FUNCTIONS[number % 5].format(f"metric_{number}_total")}
                for number in range(10)
            ],
        }
    ]
}


def main() -> None:
    """Print samples a CPU second and resident bytes a series, without rules and with them."""
    ways = (no_rules(RECORDING, _TOPIC), PartitionRules(RECORDING, Always(RECORDING, "acme", RULES), _TOPIC))
    runs = [(Builder(), MetricsState(no_rules(SERIES, _TOPIC), Recording(rules))) for rules in ways]
    spent, points = [0.0, 0.0], 0
    for turn in range(TURNS):
        for first in range(0, MANY, A_WINDOW):
            window = _window(turn, first, min(A_WINDOW, MANY - first))
            for way, (builder, state) in enumerate(runs):
                built: list[Built] = []
                cost = measure(A_WINDOW, partial(_build, builder, window, state, built))
                spent[way] += cost.cpu if turn else 0.0  # series are new in the first turn
                points += sum(block.rows.num_rows for block in built[0].blocks if block.table == "recorded")
    del builder, state, built, window
    samples = MANY * (TURNS - 1)
    with_rules, without = _freed(runs), _freed(runs)
    sys.stdout.write(
        f"\n{MANY:,} series x {TURNS}: {samples / spent[0]:,.0f} samples a CPU second without rules,"
        f" {samples / spent[1]:,.0f} with ten; {(spent[1] - spent[0]) * 1e6 / samples:.2f} us a sample for the rules;"
        f" {without / MANY:.0f} bytes a series held without, {with_rules / MANY:.0f} with them; {points:,} points\n"
    )


def _build(builder: Builder, window: Window, state: MetricsState, into: list[Built]) -> None:
    into.append(builder.build(window, state))


def _freed(runs: list[tuple[Builder, MetricsState]]) -> int:
    """Bytes that the last of the runs held; it is gone then."""
    give_back()
    before = resident(os.getpid())
    runs.pop()
    gc.collect()
    give_back()
    return before - resident(os.getpid())


def _window(turn: int, first: int, count: int) -> Window:
    request = V1["WriteRequest"]()
    log_ms = START_MS + 15_000 * turn + first * 15_000 // MANY
    for number in range(first, first + count):
        labels = {
            "__name__": f"metric_{number % 10}_total",
            "code": str(200 + number // 10 % 3),
            "instance": f"10.0.{number // 5000}.{number // 20 % 250}:9100",
            "job": f"job-{number // 20 % 10}",
            "pod": f"pod-{number // 20}",
            "shard": str(number // 10 % 2),
        }
        v1_series(request, labels).samples.add(value=number + 7 * turn, timestamp=log_ms)
    body = bytes(convert(Protocol.V1, np.frombuffer(bytearray(request.SerializeToString()), np.uint8), 1 << 30).body)
    offset = turn * MANY + first
    entry = Entry(Record(*_TOPIC, offset, log_ms, (), body), log_ms, _FRAMING)
    return Window(_TOPIC, offset, offset + 1, log_ms, log_ms, (entry,), 0)
