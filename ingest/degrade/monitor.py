"""Watches how hard ingest is pressed and sets the level that `steps/degrade.py` goes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ingest import metrics
from ingest.degrade.ladder import Ladder, Reading
from ingest.degrade.resources import Share, cpus, memory_limit, memory_used, thread_seconds
from otelhouse.clock import Clock
from otelhouse.config import IngestSettings
from otelhouse.telemetry import get_logger

LOOK_SECONDS = 0.25

_log = get_logger(__name__)


class Monitor:
    """A thread of its own, because the event loop may be what is pressed. `level` may be read from any thread."""

    def __init__(
        self,
        settings: IngestSettings,
        queue: Callable[[], float],
        loop_thread: int,
        clock: Clock,
        ladder: Ladder | None = None,
    ) -> None:
        """`queue`: which part of the room for clients' data is taken."""
        self.level = 0
        self._settings = settings
        self._queue = queue
        self._memory = memory_limit(settings.memory_limit_bytes)
        self._process = Share(time.process_time, cpus())
        # The loop is one thread: it can be all that there is to have while other CPUs stand idle.
        self._loop = Share(lambda: thread_seconds(loop_thread), 1.0)
        self._clock = clock
        self._ladder = ladder or Ladder()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="degrade", daemon=True)

    def start(self) -> None:
        """Begin to watch, if the settings say so."""
        if self._settings.degrade:
            self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def look(self) -> None:
        """One look at everything."""
        now = self._clock.monotonic()
        readings = {
            "queue": Reading(self._queue(), self._settings.degrade_queue),
            "memory": Reading(memory_used() / self._memory, self._settings.degrade_memory),
            "cpu": Reading(max(self._process.look(now), self._loop.look(now)), self._settings.degrade_cpu),
        }
        level = self._ladder.look(now, list(readings.values()))
        for source, reading in readings.items():
            metrics.degrade_used.labels(source).set(reading.used)
        metrics.degrade_level.set(level)
        if level != self.level:
            used = {source: round(reading.used, 2) for source, reading in readings.items()}
            say = _log.warning if level > self.level else _log.info
            say("ingest sheds more" if level > self.level else "ingest sheds less", level=level, **used)
        self.level = level

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_SECONDS):
                self.look()
        except OSError as error:
            self.level = 0  # nothing is shed that nobody asked for
            _log.error("ingest cannot measure its load and sheds nothing", error=str(error))
