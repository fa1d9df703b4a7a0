"""The log's topics: made at start, and how many partitions each has now."""

from __future__ import annotations

import threading

from ingest.answer import unavailable
from otelhouse.bus.contract import LogAdmin, LogError, LogUnavailable, Producer
from otelhouse.telemetry import get_logger
from schema.signal import Signal

REFRESH_SECONDS = 5.0
"""Partitions that an operator adds are used after this."""
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0

_log = get_logger(__name__)


class Topics:
    """Asks the log in a thread of its own, so that no call ever waits for the answer."""

    def __init__(self, admin: LogAdmin, producer: Producer, partitions: int) -> None:
        self._admin = admin
        self._producer = producer
        self._wanted = partitions
        self._found: dict[Signal, int] = {}
        self._routes: dict[str, Signal] = {}
        self._made: dict[str, int] = {}
        self._woken = threading.Event()
        self._looked = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)

    def start(self) -> None:
        """Begin to make and watch the topics."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Return when the topics are there, the log turned out to be down, or the time is up."""
        self._looked.wait(seconds)

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._woken.set()
        self._thread.join(1.0)

    def partitions(self, signal: Signal) -> int:
        """Partitions of the signal's topic; never blocks. Raises Refused while the log was never reached."""
        found = self._found.get(signal)
        if found is None:
            raise unavailable("the log cannot be reached")
        return found

    def want(self, topic: str, signal: Signal) -> bool:
        """Have a topic beside the signal's own made, with as many partitions -> whether it is there; never blocks."""
        if topic in self._made:
            return True
        if topic not in self._routes:  # once: each call that waits for it asks
            self._routes[topic] = signal
            self._woken.set()
        return False

    def check(self) -> None:
        """For /readyz: raises LogUnavailable while topics are missing."""
        if len(self._found) < len(Signal):
            raise LogUnavailable("the topics of the log are not there yet")

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.is_set():
            try:
                self._look()
                wait = REFRESH_SECONDS
            except LogError as error:
                wait = min(max(wait * 2, _FIRST_RETRY), _LAST_RETRY)
                _log.warning("the log cannot be reached", error=str(error), retry_seconds=wait)
            self._looked.set()
            self._woken.wait(wait)
            self._woken.clear()

    def _look(self) -> None:
        if not self._found:
            for signal in Signal:
                self._admin.ensure_topic(signal.topic, self._wanted)
        # Kafka may know a topic before its partitions.
        found = {signal: self._producer.partitions(signal.topic) for signal in Signal}
        self._found.update((signal, count) for signal, count in found.items() if count)
        failed: LogError | None = None
        for topic, signal in list(self._routes.items()):
            if found[signal] and self._made.get(topic) != found[signal]:
                try:
                    self._admin.ensure_topic(topic, found[signal])
                except LogError as error:  # one tenant's topic, perhaps: the others shall have theirs
                    failed = error
                else:
                    self._made[topic] = found[signal]
        if failed is not None:
            raise failed
