"""Tail sampling under a steady load for as long as one likes: memory stays, and nothing falls behind.

SOAK_SECONDS (1800) says how long. The load is set so that the processor takes 80 % of a core.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from schema.record import Framing
from schema.signal import Signal
from tests.processor.rig import PARTITIONS
from tests.processor.test_faults import ERRORS, LIVE, rig_on
from tests.support.kafka import KafkaBroker
from tests.support.memory import resident

TRACES, SPANS_A_TRACE = 5, 8
FIRST_RATE, LAST_RATE = 50_000, 400_000
SHARE = 0.8
SETTING_TURNS = 3
TICK = os.sysconf("SC_CLK_TCK")
TENTH = {"name": "tenth", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10}}


class Load(threading.Thread):
    """Spans into the log at `rate` a second; every trace is new, and is sent in two records."""

    def __init__(self, settings: LogSettings) -> None:
        super().__init__(daemon=True)
        self._log = open_log(settings, SystemClock())
        self._ended = threading.Event()
        self.rate = FIRST_RATE
        self.sent = 0

    def run(self) -> None:
        producer = self._log.producer()
        template = np.frombuffer(_request(), np.uint8)
        places = [_places(template, trace) for trace in range(TRACES)]
        headers = Framing("acme", TRACES * SPANS_A_TRACE, 0).headers()
        rng, due, turn = np.random.default_rng(1), time.monotonic(), 0
        ids = rng.integers(1, 256, (PARTITIONS, TRACES, 16), np.uint8)
        while not self._ended.is_set():
            turn += 1
            partition = turn % PARTITIONS
            if turn // PARTITIONS % 2:
                ids[partition] = rng.integers(1, 256, (TRACES, 16), np.uint8)
            value = template.copy()
            for trace, where in enumerate(places):
                value[where] = ids[partition, trace]
            answer = producer.publish([Outgoing(Signal.TRACES.topic, partition, value.tobytes(), headers)])
            if turn % 64 == 0:
                answer.result(60)
            self.sent += TRACES * SPANS_A_TRACE
            due = max(due + TRACES * SPANS_A_TRACE / self.rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))
        producer.close()
        self._log.close()

    def finish(self) -> None:
        self._ended.set()
        self.join(30)


def _request() -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "soak"
    scope = group.scope_spans.add()
    for trace in range(TRACES):
        for number in range(SPANS_A_TRACE):
            span = scope.spans.add(trace_id=_marker(trace), span_id=os.urandom(8), name=f"work-{number}", kind=2)
            span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 10**7 * number
            span.status.code = 2 if trace == 0 and number == 3 else 0
            for key in range(6):
                span.attributes.add(key=f"attribute.{key}").value.string_value = f"value {trace} {number} {key}"
    return request.SerializeToString()


def _marker(trace: int) -> bytes:
    return b"soak" * 3 + trace.to_bytes(4, "big")


def _places(template: np.ndarray, trace: int) -> np.ndarray:
    """int[spans, 16]: where the bytes of a trace's id stand."""
    text, wanted, found, at = template.tobytes(), _marker(trace), [], 0
    while (at := text.find(wanted, at)) >= 0:
        found.append(range(at, at + 16))
        at += 16
    return np.array(found)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_memory_stays_and_nothing_falls_behind(kafka: KafkaBroker, tmp_path: Path, postgres_url: str) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "1800"))
    with rig_on(kafka.url, tmp_path, postgres_url) as rig:
        rig.put_in_force("acme", {"decision_wait": "5s", "num_traces": 400_000, "policies": [ERRORS, TENTH]})
        processor = rig.start_processor(LIVE, 5.0, 50_000)
        pid, load = processor.process.pid, Load(rig.log_settings())
        load.start()
        for _ in range(SETTING_TURNS):  # a span is cheaper the more come at once
            time.sleep(20)
            before, began = _cpu(pid), time.monotonic()
            time.sleep(20)
            load.rate = min(LAST_RATE, int(load.rate * SHARE / ((_cpu(pid) - before) / (time.monotonic() - began))))
        held, lags = [], []
        before, began = _cpu(pid), time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(5)
            held.append(resident(pid))
            lags.append(rig.lag(LIVE))
        share = (_cpu(pid) - before) / (time.monotonic() - began)
        load.finish()
        half = len(held) // 2
        earlier, later = max(held[:half]), max(held[half:])
        sys.stdout.write(
            f"\n{load.sent} spans, {load.rate} a second, {share:.0%} of a core for {seconds:.0f} s; held at most"
            f" {earlier >> 20} MiB in the first half, {later >> 20} MiB in the second; lag at most {max(lags)}\n"
        )
        rig.until_stored(LIVE, patience=120)
        assert later < 1.2 * earlier
        # What waits is behind by the wait and a window; more would be a backlog that grows.
        assert max(lags[half:]) < 2 * max(lags[:half]) + 1000
