"""What the monitor measures, and what it makes of it."""

from __future__ import annotations

import threading
import time

import pytest

from ingest.degrade.ladder import FALL_SECONDS, RISE_SECONDS
from ingest.degrade.monitor import Monitor
from ingest.degrade.resources import CPU_SECONDS, Share, cpus, memory_limit, memory_used, thread_seconds
from otelhouse.clock import ManualClock
from otelhouse.config import IngestSettings


def _watch(monitor: Monitor, clock: ManualClock, seconds: float) -> int:
    for _ in range(int(seconds * 4)):
        clock.advance(0.25)
        monitor.look()
    return monitor.level


@pytest.mark.parametrize("source", ["queue", "memory"])
def test_a_full_queue_or_memory_raises_the_level_and_an_empty_one_lowers_it(source: str) -> None:
    clock = ManualClock()
    used = {"queue": 0.1}
    # Memory: the process is far above a limit of one byte, and far below the machine's.
    settings = IngestSettings(memory_limit_bytes=1 if source == "memory" else 0)
    monitor = Monitor(settings, lambda: used["queue"], threading.get_ident(), clock)
    used["queue"] = 0.9 if source == "queue" else 0.1
    assert _watch(monitor, clock, RISE_SECONDS * 2 + 1) == 2
    if source == "queue":
        used["queue"] = 0.1
        assert _watch(monitor, clock, FALL_SECONDS * 2 + 1) == 0


def test_cpu_counts_over_seconds_and_by_the_cpus_that_there_are() -> None:
    spent = 0.0
    share = Share(lambda: spent, 2.0)
    assert share.look(0.0) == 0.0
    for second in range(1, 5):
        spent = second * 1.5
        assert share.look(second) == 0.0
    for second in range(5, 12):
        spent = second * 1.5
        assert share.look(second) == pytest.approx(0.75)
    for second in range(12, 12 + int(CPU_SECONDS) + 1):
        last = share.look(second)
    assert last == pytest.approx(0.0)


def test_the_machine_is_read() -> None:
    assert 1 << 20 < memory_used() < memory_limit(0)
    assert memory_limit(5) == 5
    assert cpus() > 0
    before = thread_seconds(threading.get_ident())
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    assert 0 < thread_seconds(threading.get_ident()) - before < 5


def test_it_watches_only_where_the_settings_say_so() -> None:
    monitor = Monitor(IngestSettings(degrade=False), lambda: 1.0, threading.get_ident(), ManualClock())
    monitor.start()
    monitor.close()
    assert monitor.level == 0
    assert "degrade" not in {thread.name for thread in threading.enumerate()}
