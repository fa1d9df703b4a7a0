"""The way to the embedded log."""

from __future__ import annotations

from pathlib import Path

from otelhouse.bus.embedded.admin import EmbeddedAdmin
from otelhouse.bus.embedded.consumer import EmbeddedConsumer
from otelhouse.bus.embedded.producer import EmbeddedProducer
from otelhouse.bus.embedded.reader import EmbeddedReader
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import Clock
from otelhouse.config import LogSettings


class EmbeddedLog:
    """See `contract.Log`. Several processes of one machine may open the same directory."""

    def __init__(self, directory: Path, settings: LogSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._store = Store(directory, settings.retention_bytes)

    def producer(self) -> EmbeddedProducer:
        return EmbeddedProducer(self._store, self._clock, self._settings)

    def consumer(self, group: str) -> EmbeddedConsumer:
        return EmbeddedConsumer(self._store, self._clock, group)

    def reader(self) -> EmbeddedReader:
        return EmbeddedReader(self._store)

    def admin(self) -> EmbeddedAdmin:
        return EmbeddedAdmin(self._store)

    def check(self) -> None:
        with self._store.records.read(), self._store.groups.read():
            return

    def close(self) -> None:
        self._store.close()
