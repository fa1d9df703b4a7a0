"""Requests that are being answered, by query id, so that they can be counted, refused and stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from otelhouse.clickhouse_server.errors import (
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ServerError,
)


@dataclass(eq=False)
class Running:
    """A request. `stop` may be called on any thread, any number of times, also after the end."""

    query_id: str
    kill: Callable[[str], None]
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    on_stop: Callable[[], object] = lambda: None

    def stop(self) -> None:
        """Make the engine give up and whoever carries its bytes, too."""
        self.stopped.set()
        if not self.ended.is_set():
            self.kill(self.query_id)
            self.on_stop()


class RunningRequests:
    """All of them. Thread-safe."""

    def __init__(self, kill: Callable[[str], None], limit: int) -> None:
        self._kill = kill
        self._limit = limit
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
                raise ServerError(
                    TOO_MANY_SIMULTANEOUS_QUERIES,
                    f"Too many simultaneous queries. Maximum: {self._limit}",
                    "TOO_MANY_SIMULTANEOUS_QUERIES",
                )
            running = Running(query_id, self._kill)
            self._by_id[query_id] = running
            return running

    def end(self, running: Running) -> None:
        """Give the place back."""
        running.ended.set()
        with self._lock:
            self._by_id.pop(running.query_id, None)

    def get(self, query_id: str) -> Running | None:
        """The request that runs under this id."""
        with self._lock:
            return self._by_id.get(query_id)

    def all(self) -> list[Running]:
        """Those that run now."""
        with self._lock:
            return list(self._by_id.values())
