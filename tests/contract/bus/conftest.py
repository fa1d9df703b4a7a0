"""Every test of this directory runs on both implementations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otelhouse.bus import open_log
from otelhouse.bus.contract import Producer
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from tests.contract.bus.support import Bus
from tests.support.kafka import KafkaBroker


@pytest.fixture(scope="session")
def kafka_producer(kafka: KafkaBroker) -> Iterator[Producer]:
    log = open_log(LogSettings(url=kafka.url), SystemClock())
    producer = log.producer()
    yield producer
    producer.close(timeout=1.0)
    log.close()


@pytest.fixture(params=["embedded", "kafka"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    if request.param == "embedded":
        made = Bus(f"embedded:{tmp_path / 'log'}", embedded=True)
    else:
        producer = request.getfixturevalue("kafka_producer")
        made = Bus(request.getfixturevalue("kafka").url, embedded=False, shared_producer=producer)
    yield made
    for log in made.opened:
        log.close()
