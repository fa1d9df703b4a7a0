"""How many series a tenant may have: old ones go on, new ones above a limit are refused by name."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from processor.metrics_rows.active import MS_PER_HOUR, MS_PER_MINUTE
from tests.processor.metrics_rows.stream import LIMITS, Log, Run, resumed, run

DAY = 24 * MS_PER_HOUR


def stored(made: Run) -> list[str]:
    """Labels `x` of the samples, in their order."""
    labels = {row["series"]: dict(row["labels"])["x"] for rows in made.series for row in rows}
    return [labels[row["series"]] for row in made.rows("samples")]


def refused(made: Run) -> list[tuple[str, str, int, int]]:
    return [(row["metric"], row["reason"], row["series"], row["samples"]) for row in made.rows("series_refused")]


def test_without_a_rule_all_is_stored_and_seen_once_an_hour() -> None:
    log = Log()
    for at in (0, 2000, 4000, MS_PER_HOUR, MS_PER_HOUR + 2000):
        log.gauges(at, "ma", "mb")
    log.tick(MS_PER_HOUR + 9000)
    made = run(log)
    assert stored(made) == ["a", "b"] * 5
    assert [row["new"] for row in made.rows("series_seen")] == [True, True, False, False]
    assert [len(rows) for rows in made.series if rows] == [2]
    assert made.active == {"acme": 2}


def test_above_the_limit_new_series_are_refused_and_old_ones_go_on() -> None:
    log = Log()
    log.limit(0, {"max_active": 2})
    log.gauges(0, "ma", "mb", "nc", "nc", "nd")
    log.gauges(2000, "mb", "nc", "ma")
    log.tick(9000)
    made = run(log)
    assert stored(made) == ["a", "b", "b", "a"]
    assert refused(made) == [("n", "max_active", 2, 3), ("n", "max_active", 1, 1)]
    assert {row["metric"] for rows in made.series for row in rows} == {"m"}


def test_a_series_that_is_silent_for_an_hour_makes_room() -> None:
    log = Log()
    log.limit(0, {"max_active": 1})
    log.gauges(0, "ma")
    log.gauges(MS_PER_HOUR, "mb")
    log.gauges(2 * MS_PER_HOUR, "mb", "ma")
    log.tick(3 * MS_PER_HOUR)
    made = run(log)
    assert stored(made) == ["a", "b"]
    assert [row["new"] for row in made.rows("series_seen")] == [True, True]


def test_new_series_a_minute_are_limited() -> None:
    log = Log()
    log.limit(0, {"max_new_per_minute": 2})
    log.gauges(0, "ma", "mb", "mc")
    log.gauges(MS_PER_MINUTE, "mc", "md", "me")
    log.tick(2 * MS_PER_MINUTE)
    made = run(log)
    assert stored(made) == ["a", "b", "c", "d"]
    assert refused(made) == [("m", "max_new_per_minute", 1, 1), ("m", "max_new_per_minute", 1, 1)]


def test_limits_are_split_over_the_partitions() -> None:
    log = Log()
    log.limit(0, {"max_active": 5})
    log.gauges(0, "ma", "mb", "mc")
    log.tick(9000)
    assert stored(run(log, replace(LIMITS, partitions=3))) == ["a", "b"]


def test_each_tenant_has_its_own_limit() -> None:
    log = Log()
    log.limit(0, {"max_active": 1})
    log.gauges(0, "ma", "mb")
    log.gauges(10, "ma", "mb", tenant="blue")
    log.tick(9000)
    made = run(log)
    assert [row["tenant"] for row in made.rows("samples")] == ["acme", "blue", "blue"]


def test_a_limit_that_is_raised_lets_refused_series_in_and_describes_them() -> None:
    log = Log()
    log.limit(0, {"max_active": 1})
    log.gauges(0, "ma", "mb")
    log.tick(3000)
    log.limit(5000, {})
    log.gauges(6000, "ma", "mb")
    log.tick(9000)
    made = run(log)
    assert stored(made) == ["a", "a", "b"]


def test_a_series_is_described_again_on_each_day() -> None:
    log = Log()
    for at in (DAY - 2 * MS_PER_HOUR, DAY - MS_PER_HOUR, DAY, DAY + MS_PER_HOUR):
        log.gauges(at, "ma")
    log.tick(DAY + 2 * MS_PER_HOUR)
    made = run(log)
    assert [len(rows) for rows in made.series][:4] == [1, 0, 1, 0]
    assert [row["day"] for rows in made.series for row in rows] != [made.series[0][0]["day"]] * 2


def test_a_series_of_another_class_is_described_for_it() -> None:
    log = Log()
    log.gauges(0, "ma")
    log.gauges(10, "ma", retention_class=3)
    log.tick(9000)
    made = run(log)
    assert sorted(row["class"] for rows in made.series for row in rows) == [0, 3]


@pytest.mark.parametrize("seed", range(20))
def test_another_owner_goes_on_as_if_it_had_never_stopped(seed: int) -> None:
    rng = random.Random(seed)
    log, now = Log(), 3 * DAY - MS_PER_HOUR
    for _ in range(50):
        now += rng.choice((0, 10, 900, 20_000, MS_PER_MINUTE, MS_PER_HOUR // 2))
        tenant = rng.choice(("acme", "acme", "blue"))
        if rng.random() < 0.15:
            log.limit(now, {"max_active": rng.randint(0, 9), "max_new_per_minute": rng.randint(0, 6)}, tenant)
        else:
            names = [rng.choice("mn") + rng.choice("abcdefgh") for _ in range(rng.randint(1, 9))]
            log.gauges(now, *names, tenant=tenant, retention_class=rng.choice((0, 0, 0, 2)))
    log.tick(now + 10_000)
    whole = run(log)
    assert whole.rows("series_refused")
    for windows in range(1, len(whole.windows)):
        after = resumed(log, whole, windows)
        assert after.windows == whole.windows[windows:]
        for table, rows in whole.stored.items():
            assert after.stored.get(table, [])[: len(rows)] == rows[windows:], (seed, windows, table)
