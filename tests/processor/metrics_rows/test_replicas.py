"""Of Prometheus servers that scrape the same, one is listened to: elections by log time, as in Mimir's HA tracker."""

from __future__ import annotations

import random

import pytest

from processor.metrics_rows import metrics, replicas
from tests.processor.metrics_rows.stream import Log, Run, resumed, run

PAIRED = {"replicas": {}}
A, B = {"cluster": "eu", "__replica__": "a"}, {"cluster": "eu", "__replica__": "b"}
FAILOVER_MS = 30_000


def paired(**labels: object) -> Log:
    log = Log()
    log.limit(0, {"replicas": labels})
    return log


def stored(made: Run) -> list[tuple[int, dict[str, str]]]:
    """(log time in ms, labels but for `x`) of each sample."""
    known = {row["series"]: dict(row["labels"]) for rows in made.series for row in rows}
    return [
        (round(row["time"].timestamp() * 1000), {k: v for k, v in known[row["series"]].items() if k != "x"})
        for row in made.rows("samples")
    ]


def times(made: Run) -> list[int]:
    return [at for at, _ in stored(made)]


def test_the_first_that_is_heard_is_elected_and_its_label_is_left_out() -> None:
    log = paired()
    for at in (1000, 5000, 9000):
        log.gauges(at, "mx", **A)
        log.gauges(at + 1, "mx", **B)
    log.tick(20_000)
    made = run(log)
    assert stored(made) == [(at, {"cluster": "eu"}) for at in (1000, 5000, 9000)]
    assert len({row["series"] for row in made.rows("samples")}) == 1
    assert made.active == {"acme": 1}
    assert {(row["cluster"], row["replica"]) for row in made.rows("ha_replicas")} == {("eu", "a")}


@pytest.mark.parametrize(("silence", "heard"), [(FAILOVER_MS, False), (FAILOVER_MS + 1, True)])
def test_another_is_elected_when_the_first_was_silent_for_longer_than_the_failover(silence: int, heard: bool) -> None:
    log = paired()
    log.gauges(1000, "mx", **A)
    log.gauges(1000 + silence, "mx", **B)
    log.gauges(3000 + silence, "mx", **A)  # which comes back, and is listened to only if it was never replaced
    log.tick(100_000)
    made = run(log)
    assert times(made) == [1000, 1000 + silence if heard else 3000 + silence]
    assert len({row["series"] for row in made.rows("samples")}) == 1


def test_clusters_and_tenants_elect_each_their_own() -> None:
    log = paired()
    log.limit(0, PAIRED, "blue")
    log.gauges(1000, "mx", **A)
    log.gauges(1001, "mx", **B)
    log.gauges(1002, "mx", **{**B, "cluster": "us"})
    log.gauges(1003, "mx", tenant="blue", **B)
    log.gauges(1004, "mx", tenant="blue", **A)
    log.tick(9000)
    made = run(log)
    assert times(made) == [1000, 1002, 1003]


def test_samples_without_both_labels_are_left_alone() -> None:
    log = paired()
    for labels in ({"cluster": "eu"}, {"__replica__": "a"}, {}):
        log.gauges(1000, "mx", **labels)
    log.tick(9000)
    assert [labels for _, labels in stored(run(log))] == [{"cluster": "eu"}, {"__replica__": "a"}, {}]


def test_a_tenant_without_the_rule_stores_both() -> None:
    log = Log()
    log.gauges(1000, "mx", **A)
    log.gauges(1001, "mx", **B)
    log.tick(9000)
    assert [labels for _, labels in stored(run(log))] == [A, B]


def test_the_labels_and_the_failover_are_settings() -> None:
    log = paired(cluster_label="site", replica_label="server", failover_seconds=5)
    log.gauges(1000, "mx", site="s", server="1")
    log.gauges(6000, "mx", site="s", server="2")
    log.gauges(6001, "mx", site="s", server="1")
    log.gauges(6002, "mx", **A)
    log.gauges(12_000, "mx", site="s", server="2")
    log.tick(20_000)
    assert times(run(log)) == [1000, 6001, 6002, 12_000]


def test_the_rule_holds_from_its_record_on_and_until_another() -> None:
    log = Log()
    log.gauges(0, "mx", **B)
    log.limit(3000, PAIRED)
    log.gauges(4000, "mx", **A)
    log.gauges(4001, "mx", **B)
    log.limit(8000, {})
    log.gauges(9000, "mx", **A)
    log.gauges(9001, "mx", **B)
    log.tick(20_000)
    assert [labels for _, labels in stored(run(log))] == [B, {"cluster": "eu"}, A, B]


def test_what_is_not_listened_to_takes_no_place_among_active_series_and_is_counted() -> None:
    metrics.REPLICAS.clear()
    log = Log()
    log.limit(0, {"max_active": 2, **PAIRED})
    log.gauges(1000, "mx", **A)
    log.gauges(1001, "mx", "mv", "mw", **B)
    log.gauges(1002, "mv", **A)
    log.tick(9000)
    made = run(log)
    assert times(made) == [1000, 1002]
    assert made.rows("series_refused") == []
    assert metrics.REPLICAS.labels("acme")._value.get() == 3


def test_of_more_clusters_than_are_remembered_all_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "MOST_CLUSTERS", 1)
    log = paired()
    log.gauges(1000, "mx", **A)
    log.gauges(1001, "mx", **{**A, "cluster": "us"})
    log.gauges(1002, "mx", **{**B, "cluster": "us"})
    log.tick(9000)
    assert [labels["cluster"] for _, labels in stored(run(log))] == ["eu", "us", "us"]


@pytest.mark.parametrize("seed", range(10))
def test_another_owner_goes_on_as_if_it_had_never_stopped(seed: int) -> None:
    rng = random.Random(seed)
    log, now = paired(failover_seconds=rng.choice((1, 5, 30))), 0
    for _ in range(50):
        now += rng.choice((0, 10, 900, 3000, 20_000, 70_000))
        if rng.random() < 0.08:
            log.limit(now, rng.choice(({}, PAIRED, {"replicas": {"failover_seconds": 2}, "max_active": 5})))
        else:
            labels = {"cluster": rng.choice("pq"), "__replica__": rng.choice("abc")}
            log.gauges(now, *(f"m{rng.choice('xyz')}" for _ in range(3)), **labels)
    log.tick(now + 10_000)
    whole = run(log)
    assert len({row["replica"] for row in whole.rows("ha_replicas")}) > 1
    for windows in range(1, len(whole.windows)):
        after = resumed(log, whole, windows)
        for table, rows in whole.stored.items():
            assert after.stored.get(table, [])[: len(rows)] == rows[windows:], (seed, windows, table)
