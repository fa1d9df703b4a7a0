"""A partition of metrics that is taken over begins with what ClickHouse says of it."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.clickhouse import connect
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings
from processor.build import Builder
from processor.commit import Checkpoint, read_position
from processor.metrics_rows.active import MS_PER_HOUR, MS_PER_MINUTE
from processor.metrics_rows.opening import MetricsStates
from processor.metrics_rows.state import MetricsState
from processor.partition import Partition
from processor.sink import Sink
from schema.clickhouse_ddl import Layout
from tests.processor.metrics_rows.stream import NAME, Log, Run, go_on, run
from tests.processor.storage import create_tables

START = 19_700 * 24 * MS_PER_HOUR


class Waiting:
    """Waits until the test gives up."""

    def __init__(self) -> None:
        self._given_up = threading.Event()

    def pause(self, seconds: float) -> bool:
        return self._given_up.wait(seconds) if seconds else self._given_up.is_set()


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with contextlib.closing(connect(clickhouse_settings)) as client:
        create_tables(client, clickhouse_settings.database)
        yield client


def made() -> Log:
    """Two tenants that come near their limits, pairs of servers, hours and minutes that turn."""
    rng, log, now = random.Random(3), Log(), START + 7 * MS_PER_HOUR
    for tenant in ("acme", "blue"):
        log.limit(now, {"max_active": 9, "max_new_per_minute": 3, "replicas": {"failover_seconds": 60}}, tenant)
    for _ in range(40):
        now += rng.choice((10, 900, 5_000, 20_000, 20_000, MS_PER_MINUTE, MS_PER_HOUR // 3))
        labels = {"cluster": "p", "__replica__": rng.choice("ab")} if rng.random() < 0.8 else {}
        names = [rng.choice("mn") + rng.choice("abcdefgh") for _ in range(rng.randint(1, 6))]
        log.gauges(now, *names, tenant=rng.choice(("acme", "blue")), retention_class=rng.choice((0, 0, 2)), **labels)
    log.tick(now + 10_000)
    return log


@pytest.mark.parametrize("lost", [False, True])
def test_another_owner_goes_on_by_what_is_stored(
    client: Client, clickhouse_settings: ClickHouseSettings, lost: bool
) -> None:
    log = made()
    whole = run(log)
    assert whole.rows("series_refused")
    assert len({row["replica"] for row in whole.rows("ha_replicas")}) == 2
    states = MetricsStates(log.rules, log.recording, lambda: connect(clickhouse_settings))
    sink = Sink(lambda: connect(clickhouse_settings), Layout(clickhouse_settings.database), SystemClock())
    builder, partition = Builder(), Partition(NAME, whole.origin)
    state = states.open(NAME, whole.origin, Waiting())
    for number, window in enumerate(partition.feed(log.records)):
        state.learn(window)
        for block in builder.build(window, state).blocks:
            sink.store(block, False, Waiting())
        checkpoint = read_position(partition.checkpoint_after(window).position())
        if lost:  # then nobody knows its log time
            checkpoint = replace(checkpoint, log_ms=0)
        _compare(log, whole, number + 1, checkpoint, states.open(NAME, checkpoint, Waiting()))
    sink.close()


def _compare(log: Log, whole: Run, windows: int, checkpoint: Checkpoint, state: MetricsState) -> None:
    after = go_on(log, checkpoint, state)
    for table, rows in whole.stored.items():
        assert after.stored.get(table, []) == rows[windows:] or not rows[windows:], (windows, table)
