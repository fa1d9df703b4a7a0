"""What a processor holds for the series that are active: resident bytes a series, and what a sample of one costs then.

SERIES (1,000,000) series of remote write, 20 a target, become active in one partition; then all are written once more.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from benchmarks.harness import measure
from benchmarks.processor import no_rules
from otelhouse.bus.contract import Record, TopicPartition
from processor.build import Builder
from processor.metrics_rows.state import MetricsState
from processor.rules import SERIES
from processor.window import Entry, Window
from schema.record import Framing
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from tests.support.memory import resident
from tests.support.remote_write import V1, v1_series

MANY = int(os.environ.get("SERIES", "1000000"))
A_WINDOW = 50_000
START_MS = 1_764_000_000_000
_TOPIC = TopicPartition(Signal.METRICS.topic, 0)
_FRAMING = Framing("acme", 1, 0)


def main() -> None:
    """Print bytes a series, and microseconds a sample of a series that is new and of one that is known."""
    builder, state = Builder(), MetricsState(no_rules(SERIES, _TOPIC))
    builder.build(_window(0, 0, 1000), state)
    before = resident(os.getpid())
    spent = []
    for turn in range(2):
        cpu = 0.0
        for first in range(0, MANY, A_WINDOW):
            window = _window(turn, first, A_WINDOW)
            cpu += measure(A_WINDOW, lambda made=window: builder.build(made, state)).cpu  # type: ignore[misc]
        spent.append(cpu * 1e6 / MANY)
    held = resident(os.getpid()) - before
    sys.stdout.write(
        f"\n{MANY:,} active series: {held / MANY:.0f} bytes each, {held >> 20} MiB;"
        f" us a sample: {spent[0]:.1f} of a new series, {spent[1]:.2f} of a known one\n"
    )


def _window(turn: int, first: int, count: int) -> Window:
    request = V1["WriteRequest"]()
    log_ms = START_MS + 15_000 * turn
    for number in range(first, first + count):
        labels = {
            "__name__": f"metric_{number % 20}_total",
            "code": "200",
            "handler": f"/api/v1/{number % 7}",
            "instance": f"10.0.{number // 5000}.{number // 20 % 250}:9100",
            "job": f"job-{number // 20 % 10}",
            "pod": f"pod-{number // 20}",
        }
        v1_series(request, labels).samples.add(value=number, timestamp=log_ms)
    body = bytes(convert(Version.V1, np.frombuffer(bytearray(request.SerializeToString()), np.uint8), 1 << 30).body)
    offset = turn * MANY + first
    entry = Entry(Record(*_TOPIC, offset, log_ms, (), body), log_ms, _FRAMING)
    return Window(_TOPIC, offset, offset + 1, log_ms, log_ms, (entry,), 0)
