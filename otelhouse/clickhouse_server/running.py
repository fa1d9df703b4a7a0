"""Requests that are being answered, by query id, so that they can be counted, refused and stopped."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from otelhouse.clickhouse_server import metrics
from otelhouse.clickhouse_server.errors import (
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ServerError,
)

_LOOK_SECONDS = 0.01


@dataclass(eq=False)
class Running:
    """A request. `stop` may be called on any thread, any number of times, also after the end."""

    query_id: str
    kill: Callable[[str], bool]
    on_stop: Callable[[], object] = lambda: None
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Make the engine give up, and whoever carries its bytes."""
        self.stopped.set()
        if not self.ended.is_set():
            self.kill(self.query_id)
            self.on_stop()

    def stop_surely(self, done: Callable[[], bool]) -> None:
        """Return when the engine has given up, even if it had not yet begun; `done` says that it has ended."""
        self.stopped.set()
        while not self.kill(self.query_id) and not done():
            time.sleep(_LOOK_SECONDS)


class RunningRequests:
    """All of them. Thread-safe.

    Those with a result have places of their own: however many readers are slow, an insert finds a place.
    """

    def __init__(self, kill: Callable[[str], bool], limit: int, readers: int) -> None:
        self._kill = kill
        self._limit = limit
        self._readers = threading.BoundedSemaphore(readers)
        self._lock = threading.Lock()
        self._by_id: dict[str, Running] = {}

    def begin(self, query_id: str) -> Running:
        """Take a place. Raises ServerError if the id is in use or there are too many."""
        with self._lock:
            if query_id in self._by_id:
                raise ServerError(
                    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
                    f"Query with id = {query_id} is already running.",
                    "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
                )
            if len(self._by_id) >= self._limit:
                raise _too_many(self._limit)
            running = Running(query_id, self._kill)
            self._by_id[query_id] = running
            metrics.RUNNING.set(len(self._by_id))
            return running

    def end(self, running: Running) -> None:
        """Give the place back."""
        with self._lock:
            self._by_id.pop(running.query_id, None)
            metrics.RUNNING.set(len(self._by_id))
        running.ended.set()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a reader's place. Raises ServerError if there is none."""
        if not self._readers.acquire(blocking=False):
            raise _too_many(self._limit)
        try:
            yield
        finally:
            self._readers.release()

    def get(self, query_id: str) -> Running | None:
        """The request that runs under this id."""
        with self._lock:
            return self._by_id.get(query_id)

    def stop_all(self) -> None:
        """Stop every request that runs now."""
        with self._lock:
            running = list(self._by_id.values())
        for request in running:
            request.stop()


def _too_many(limit: int) -> ServerError:
    message = f"Too many simultaneous queries. Maximum: {limit}"
    return ServerError(TOO_MANY_SIMULTANEOUS_QUERIES, message, "TOO_MANY_SIMULTANEOUS_QUERIES")
