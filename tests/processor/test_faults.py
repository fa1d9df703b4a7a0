"""Kill anything, any time: what is stored in the end is what the same log yields when it is replayed from offset 0."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelhouse.bus import open_log
from otelhouse.clock import SystemClock
from otelhouse.rules.rule import Kind
from processor import dead_letter
from schema.signal import Signal
from tests.processor.rig import PARTITIONS, WINDOW_ROWS, WINDOW_SECONDS, Rig, Writer
from tests.processor.storage import BLOCK_TABLES, SHARED_TABLES
from tests.support.clickhouse import start_clickhouse
from tests.support.kafka import KafkaBroker
from tests.support.postgres import migrate_postgres

LIVE, REPLAYED = "live", "replayed"
TABLES = (*BLOCK_TABLES, *SHARED_TABLES)
ERRORS = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
SOME = {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 40}}
FEW = {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 10}}
SHARED = {
    "name": "shared",
    "type": "composite",
    "composite": {"max_total_spans_per_second": 20, "composite_sub_policy": [SOME, ERRORS]},
}
EXEMPLARS = {"name": "exemplars", "type": "exemplar"}
NEW_EXEMPLARS = {"name": "exemplars", "type": "exemplar", "exemplar": {"late_bytes_per_minute": 20_000}}
RULES = (
    {"decision_wait": "2s", "num_traces": 40, "policies": [ERRORS, SOME, EXEMPLARS]},
    {"decision_wait": "1s", "decision_wait_after_root_received": "300ms", "policies": [ERRORS, FEW, NEW_EXEMPLARS]},
    {"decision_wait": "500ms", "num_traces": 6, "policies": [SHARED]},
    {},
)
LIMITS = (
    {"max_active": 60, "max_new_per_minute": 30, "replicas": {"failover_seconds": 1}},
    {"max_active": 90, "replicas": {"failover_seconds": 3}},
    {"max_new_per_minute": 15},
    {},
)
MEASURES = (
    {"dimensions": ["http.method", "host.name"], "max_series": 40},
    {"service_graph": False, "max_series": 10},
    {"red": False},
    {},
)


def _recorded(*expressions: str) -> dict[str, object]:
    rules = [{"record": f"r{place}", "expr": expression} for place, expression in enumerate(expressions)]
    return {"groups": [{"name": "g", "interval": "1s", "query_offset": "200ms", "rules": rules}]}


RECORDED = (
    _recorded("sum by (i) (rate(load[3s]))", "avg(last_over_time(load[3s]))", "max_over_time(load[2s])"),
    _recorded("sum by (i) (rate(load[3s]))", "count(max_over_time(load[2s]) > 500)"),
    {},
)


@pytest.fixture
def rig(tmp_path: Path, postgres_url: str) -> Iterator[Rig]:
    with rig_on(f"embedded:{tmp_path / 'log'}", tmp_path, postgres_url) as rig:
        yield rig


@contextlib.contextmanager
def rig_on(log_url: str, data: Path, postgres_url: str) -> Iterator[Rig]:
    """Tenant `acme` samples its traces, `blue` does not; `blue` may have few series, of one server a cluster."""
    migrate_postgres(postgres_url)
    with start_clickhouse(data / "clickhouse") as clickhouse:
        rig = Rig(log_url, clickhouse, data, postgres_url)
        try:
            _make_topics(rig)
            rig.put_in_force("acme", RULES[0])
            rig.put_in_force("blue", LIMITS[0], Kind.SERIES)
            rig.put_in_force("acme", RECORDED[0], Kind.RECORDING)
            rig.fresh_run(LIVE)
            yield rig
        finally:
            rig.close()


def _make_topics(rig: Rig) -> None:
    log = open_log(rig.log_settings(), SystemClock())
    admin = log.admin()
    for topic in (*(signal.topic for signal in Signal), dead_letter.TOPIC):
        admin.ensure_topic(topic, PARTITIONS)
    admin.close()
    log.close()


def _storm(rig: Rig, rng: random.Random, kills: int, clickhouse_too: bool) -> int:
    """Write while processors, and ClickHouse, are killed at random; returns how many records are malformed."""
    writer = Writer(rig.log_settings(), rng.randrange(1 << 30), pause=0.12, batches=12 * kills)
    writer.start()
    for _ in range(kills):
        if rng.random() < 0.4:
            rig.put_in_force("acme", rng.choice(RULES))
        if rng.random() < 0.4:
            rig.put_in_force("blue", rng.choice(MEASURES), Kind.SPAN_METRICS)
        if rng.random() < 0.4:
            rig.put_in_force("blue", rng.choice(LIMITS), Kind.SERIES)
        if rng.random() < 0.3:
            rig.put_in_force("acme", rng.choice(RECORDED), Kind.RECORDING)
        processor = rig.start_processor(LIVE)
        time.sleep(rng.uniform(0.05, 1.5))
        if clickhouse_too and rng.random() < 0.4:
            rig.clickhouse.kill()
            if rng.random() < 0.5:
                time.sleep(rng.uniform(0.0, 0.6))
                rig.clickhouse.start()
                time.sleep(rng.uniform(0.0, 0.6))
        processor.kill()
        if rig.clickhouse.process is None or rig.clickhouse.process.poll() is not None:
            rig.clickhouse.start()
    writer.finish()
    assert writer.acknowledged > 50
    return writer.poison


def _assert_replay_is_equal(
    rig: Rig,
    tables: tuple[str, ...],
    without: tuple[str, ...] = (),
    windows: tuple[float, int] = (WINDOW_SECONDS, WINDOW_ROWS),
) -> None:
    rig.until_stored(LIVE)
    rig.fresh_run(REPLAYED)
    rig.start_processor(REPLAYED, *windows)
    rig.until_stored(REPLAYED)
    live, replayed = rig.tables(LIVE, tables, without), rig.tables(REPLAYED, tables, without)
    for table in tables:
        assert live[table], table
        assert live[table] == replayed[table], table


@pytest.mark.parametrize("seed", [1])
def test_kills_of_processors_and_of_clickhouse_lose_and_double_nothing(rig: Rig, seed: int) -> None:
    poison = _storm(rig, random.Random(seed), kills=4, clickhouse_too=True)
    rig.start_processor(LIVE)
    rig.until_stored(LIVE)
    assert poison > 0
    assert rig.dead_letters() == poison
    _assert_replay_is_equal(rig, TABLES)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 104))
def test_a_storm_of_kills_loses_and_doubles_nothing(rig: Rig, seed: int) -> None:
    _storm(rig, random.Random(seed), kills=25, clickhouse_too=True)
    rig.start_processor(LIVE)
    _assert_replay_is_equal(rig, TABLES)


@pytest.mark.slow
def test_an_operator_may_change_the_window_between_kills(rig: Rig) -> None:
    rig.put_in_force("acme", {})
    writer = Writer(rig.log_settings(), 7, pause=0.05, batches=100)
    writer.start()
    for seconds, rows in ((WINDOW_SECONDS, WINDOW_ROWS), (0.8, 500), (0.1, 5)):
        processor = rig.start_processor(LIVE, seconds, rows)
        time.sleep(1.5)
        processor.kill()
    writer.finish()
    rig.start_processor(LIVE)
    # The replay cuts other windows; rows that belong to a window, and not to an item, differ.
    _assert_replay_is_equal(rig, ("spans", "logs", "exemplars"), without=("block",))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processors_on_kafka_that_take_over_from_each_other_lose_and_double_nothing(
    kafka: KafkaBroker, tmp_path: Path, postgres_url: str
) -> None:
    rng = random.Random(5)
    with rig_on(kafka.url, tmp_path, postgres_url) as rig:
        writer = Writer(rig.log_settings(), 5, pause=0.1, batches=150)
        writer.start()
        first = rig.start_processor(LIVE)
        for _ in range(3):
            time.sleep(rng.uniform(1.0, 3.0))
            second = rig.start_processor(LIVE)
            time.sleep(rng.uniform(1.0, 3.0))
            if rng.random() < 0.5:
                first.kill()
            else:
                assert first.stop() == 0
            first = second
        writer.finish()
        _assert_replay_is_equal(rig, TABLES)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_outages_of_the_broker_and_a_minute_without_clickhouse_change_no_verdict(
    kafka: KafkaBroker, tmp_path: Path, postgres_url: str, seed: int
) -> None:
    rng = random.Random(seed)
    with rig_on(kafka.url, tmp_path, postgres_url) as rig:
        windows = (2.0, 1000)  # few inserts: there is much to store again
        writer = Writer(rig.log_settings(), seed, pause=0.2, batches=400)
        writer.start()
        processors = [rig.start_processor(LIVE, *windows) for _ in range(2)]
        time.sleep(rng.uniform(2, 4))
        kafka.restart()
        rig.put_in_force("acme", rng.choice(RULES[:3]))
        time.sleep(rng.uniform(1, 4))
        kafka.kill()
        time.sleep(rng.uniform(0, 3))
        kafka.start()
        rig.clickhouse.kill()
        time.sleep(rng.uniform(10, 20))
        processors[0].kill()
        time.sleep(40)
        rig.clickhouse.start()
        time.sleep(rng.uniform(1, 4))
        assert processors[1].stop() == 0
        writer.finish()
        assert writer.acknowledged > 200
        rig.start_processor(LIVE, *windows)
        _assert_replay_is_equal(rig, TABLES, windows=windows)


def _write(rig: Rig, seed: int) -> None:
    writer = Writer(rig.log_settings(), seed, pause=0.03, batches=60)
    writer.start()
    writer.join(60)
    assert writer.acknowledged > 50


@pytest.mark.parametrize(("killed", "sampled"), [(False, False), (True, True)])
def test_a_group_that_has_lost_its_commits_doubles_nothing_and_loses_nothing(
    rig: Rig, killed: bool, sampled: bool
) -> None:
    """Where nothing is sampled, rows of items are the same whatever the windows; where traces are, windows decide."""
    windows = (WINDOW_SECONDS, WINDOW_ROWS) if sampled else (0.8, 20)
    if not sampled:
        rig.put_in_force("acme", {})
    processor = rig.start_processor(LIVE)
    _write(rig, 11)
    if not killed:
        rig.until_stored(LIVE)
        stored = rig.tables(LIVE, TABLES)
        assert processor.stop() == 0
        rig.start_processor(LIVE, *windows, group="renamed")
        rig.until_stored("renamed")
        assert rig.tables(LIVE, TABLES) == stored
    else:
        processor.kill()
        rig.start_processor(LIVE, *windows, group="renamed")
    _write(rig, 12)
    rig.until_stored("renamed")
    rig.fresh_run(REPLAYED)
    rig.start_processor(REPLAYED)
    rig.until_stored(REPLAYED)
    # In other windows, rows that belong to a window, and not to an item, differ.
    names = TABLES if sampled else ("spans", "logs", "exemplars")
    without = () if sampled else ("block",)
    live, replayed = rig.tables(LIVE, names, without), rig.tables(REPLAYED, names, without)
    for name in names:
        assert live[name] == replayed[name], name
        assert live[name], name
