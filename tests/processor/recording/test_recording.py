"""What is recorded on the stream equals what PromQL comes to over all samples stored, wherever the owner changes."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from otelhouse.promql.engine import evaluate
from otelhouse.promql.settings import Settings, Steps
from otelhouse.recording.rule import Merge
from processor.commit import first_checkpoint
from schema.record import block_position
from tests.otelhouse.promql.memory import MemoryStorage, Series
from tests.processor.metrics_rows.stream import LIMITS, Log, Row, Run, Sample, go_on, resumed, run, unlimited

GRACE_MS, LATENESS_MS = 10_000, 120_000
T0 = 1_700_000_000_000 // 60_000 * 60_000
"""A whole minute."""
STALE = np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0]

EXPRESSIONS = (
    "sum by (job) (rate(requests[1m]))",
    "sum(increase(requests[2m])) * 60",
    "avg without (instance) (rate(requests[1m]))",
    "min by (job) (delta(requests[1m]))",
    "1 - max(avg_over_time(requests[90s]))",
    "count(requests)",
    "count by (job) (requests > 30)",
    "group by (instance) (requests)",
    'sum(max_over_time(requests{job!="a"}[1m]))',
    "rate(requests[1m])",
    "2 / quantile_over_time(0.7, requests[1m])",
    "max(irate(requests[1m])) - 1",
    "sum by (job) (changes(requests[2m]) ^ 2)",
)


def document(*expressions: str, interval: str = "30s", name: str = "r") -> dict[str, Any]:
    rules = [{"record": f"{name}{place}", "expr": each} for place, each in enumerate(expressions)]
    return {"groups": [{"name": "g", "interval": interval, "rules": rules}]}


def traffic(seed: int, minutes: int = 8) -> tuple[Log, list[Sample]]:
    """Counters with resets, gaps, jitter, ends, late and double samples; rules from the first record on."""
    rng, log = random.Random(seed), Log()
    log.record(T0 - 400_000, document(*EXPRESSIONS))
    sent: list[tuple[int, Sample]] = []
    for number in range(9):
        labels = {"job": "abc"[number % 3], "instance": str(number)}
        value, at = 0.0, T0 + rng.randint(0, 15_000)
        while at < T0 + minutes * 60_000:
            value = 0.0 if rng.random() < 0.05 else value + rng.choice((0, 1, 2.5, 7))
            lag = rng.choice((100, 500, 4_000)) if rng.random() < 0.9 else rng.randint(15_000, 70_000)
            sample = (labels, at, None if rng.random() < 0.03 else value)
            sent += [(at + lag, sample)] * (2 if rng.random() < 0.05 else 1)
            at += rng.choice((15_000, 15_000, 14_200, 15_900, 47_000 if rng.random() < 0.2 else 15_000))
    sent.sort(key=lambda each: each[0])
    for arrived, sample in sent:
        log.send(arrived, "requests", sample)
    for seconds in range(0, 300, 5):
        log.tick(T0 + minutes * 60_000 + seconds * 1000)
    return log, [sample for _, sample in sent]


def points(rows: list[Row], names: Mapping[int, str]) -> dict[tuple[str, int], dict[int, float]]:
    """What a reader makes of rows: by metric and series the newest row of each time, scaled and shifted."""
    newest = {(row["series"], row["rule"], row["time"]): row for row in sorted(rows, key=lambda row: row["block"])}
    found: dict[tuple[str, int], dict[int, float]] = {}
    for row in newest.values():
        if row["count"]:
            value = row["value"] / row["count"] if row["merge"] == Merge.MEAN else row["value"]
            time = round(row["time"].timestamp() * 1000)
            found.setdefault((names[row["series"]], row["series"]), {})[time] = value * row["scale"] + row["shift"]
    return found


def described(made: Run) -> dict[int, str]:
    return {row["series"]: str((row["metric"], sorted(row["labels"]))) for some in made.series for row in some}


def expected(expression: str, samples: list[Sample], times: range, metric: str) -> dict[str, dict[int, float]]:
    """By labels."""
    series: dict[tuple[tuple[str, str], ...], dict[int, float]] = {}
    for labels, time, value in samples:
        held = series.setdefault(tuple(sorted({"__name__": metric, **labels}.items())), {})
        held[time] = STALE if value is None else value
    storage = MemoryStorage(
        [
            Series(dict(labels), sorted(held), np.array([held[time] for time in sorted(held)]))
            for labels, held in series.items()
        ]
    )
    steps = Steps(times[0], times[-1], times.step)
    result = asyncio.run(evaluate(expression, storage, steps, Settings()))
    return {
        str(sorted(labels.items())): {
            int(time): float(value) for time, value, there in zip(steps.times, values, present, strict=True) if there
        }
        for labels, values, present in zip(result.labels, result.values, result.present, strict=True)
    }


def assert_same(found: dict[int, float], wanted: dict[int, float]) -> None:
    assert found.keys() == wanted.keys()
    for time, value in wanted.items():
        assert math.isclose(found[time], value, rel_tol=1e-9, abs_tol=1e-12) or (
            math.isnan(value) and math.isnan(found[time])
        ), time


@pytest.mark.parametrize("seed", range(3))
def test_a_rule_records_what_promql_evaluates_at_multiples_of_its_interval(seed: int) -> None:
    log, samples = traffic(seed)
    assert_recorded(run(log), EXPRESSIONS, samples, range(T0, T0 + 15 * 60_000, 30_000))


def assert_recorded(
    made: Run, expressions: tuple[str, ...], samples: list[Sample], times: range, metric: str = "requests"
) -> None:
    """What the rules r0, r1, ... have recorded at these times is what the expressions come to."""
    labels = {row["series"]: (row["metric"], str(sorted(row["labels"]))) for some in made.series for row in some}
    found: dict[str, dict[str, dict[int, float]]] = {}
    for (_, series), values in points(made.rows("recorded"), described(made)).items():
        record, name = labels[series]
        at_times = {time: value for time, value in values.items() if time in times}
        if at_times:
            found.setdefault(record, {})[name] = at_times
    for place, expression in enumerate(expressions):
        wanted = expected(expression, samples, times, metric)
        assert found[f"r{place}"].keys() == wanted.keys(), expression
        for name, values in wanted.items():
            assert_same(found[f"r{place}"][name], values)


def test_whoever_takes_over_records_the_same() -> None:
    log, _ = traffic(7)
    whole = run(log)
    emitted = {row["block"] for row in whole.rows("recorded")}
    assert len(emitted) > 10
    for windows in random.Random(1).sample(range(3, len(whole.windows)), 6):
        after = resumed(log, whole, windows)
        done = whole.checkpoints[windows - 1].emitted
        for table in ("recorded", "recorded_until"):
            wanted = [row for row in whole.rows(table) if block_position(row["block"])[1] > done]
            assert after.rows(table) == wanted, (windows, table)


def test_nothing_is_read_again_once_series_have_fallen_silent() -> None:
    log, _ = traffic(1)
    for minutes in range(1, 15):
        log.tick(T0 + 13 * 60_000 + minutes * 60_000)
    made = run(log)
    assert made.checkpoints[len(made.checkpoints) // 2].resume < made.checkpoints[len(made.checkpoints) // 2].emitted
    assert made.checkpoints[-1].resume == made.checkpoints[-1].emitted
    newest = {row["rule"]: row for row in sorted(made.rows("recorded_until"), key=lambda row: row["block"])}
    assert {row["until"].year for row in newest.values()} == {2100}


def test_final_is_what_has_had_its_grace_and_late_samples_change_it_still() -> None:
    log = Log()
    log.record(T0 - 3_600_000, document("sum(requests)", interval="1m"))
    log.send(T0 - 5_000, "requests", ({"i": "1"}, T0 - 5_000, 1.0))
    log.tick(T0 + GRACE_MS - 1)
    log.tick(T0 + GRACE_MS + 1)
    log.send(T0 + GRACE_MS + 2_000, "requests", ({"i": "2"}, T0 - 4_000, 2.0))
    log.tick(T0 + 60_000 + GRACE_MS)
    late = T0 + 60_000 + GRACE_MS + LATENESS_MS
    log.tick(late)
    log.send(late + 1, "requests", ({"i": "3"}, T0 - 4_000, 4.0))
    log.tick(late + 60_000)
    made = run(log)
    first = [(row["value"], row["count"]) for row in made.rows("recorded") if row["time"].timestamp() * 1000 == T0]
    assert first == [(1.0, 1), (3.0, 2)]


def test_a_rule_that_is_added_begins_once_it_has_seen_a_whole_range() -> None:
    log = Log()
    log.record(T0 - 3_600_000, document("sum(rate(requests[1m]))"))
    for seconds in range(0, 600, 10):
        if seconds == 200:
            log.record(
                T0 + seconds * 1000, document("sum(rate(requests[1m]))", "count(requests)", "max(rate(requests[2m]))")
            )
        log.send(T0 + seconds * 1000, "requests", ({"i": "1"}, T0 + seconds * 1000, float(seconds)))
    made = run(log)
    names = {row["series"]: row["metric"] for some in made.series for row in some}
    first: dict[str, float] = {}
    for row in made.rows("recorded"):
        first.setdefault(names[row["series"]], row["time"].timestamp() - T0 / 1000)
    grace = GRACE_MS / 1000
    assert first == {
        "r0": 30,
        "r1": math.ceil((200 + grace + 300) / 30) * 30,
        "r2": math.ceil((200 + grace + 120) / 30) * 30,
    }
    times = [row["time"].timestamp() - T0 / 1000 for row in made.rows("recorded") if names[row["series"]] == "r0"]
    assert times == list(range(30, 600 - int(grace), 30))


def test_points_are_at_multiples_of_the_interval_whenever_a_rule_comes_into_force() -> None:
    log = Log()
    log.record(T0 + 1_234, document("sum(rate(requests[1m]))", interval="7s"))
    for seconds in range(0, 200, 5):
        late = 12_000 if seconds % 3 == 0 else 0
        log.send(T0 + seconds * 1000 + 321, "requests", ({"i": "1"}, T0 + seconds * 1000 - late, float(seconds)))
    made = run(log)
    times = [round(row["time"].timestamp() * 1000) for row in made.rows("recorded")]
    assert len(set(times)) > 10
    assert {time % 7_000 for time in times} == {0}
    assert min(times) >= T0 + 1_234 + GRACE_MS + 60_000
    assert {round(row["since"].timestamp() * 1000) % 7_000 for row in made.rows("recorded_until")} == {0}


def test_series_that_come_and_go_are_forgotten_and_those_that_return_are_counted_again() -> None:
    log, expressions = (
        Log(),
        ("sum by (i) (increase(load[1m]))", "count(max_over_time(load[1m]))", "sum_over_time(load[1m])"),
    )
    log.record(T0 - 3_600_000, document(*expressions))
    samples: list[Sample] = []
    for seconds in range(0, 1800, 15):
        now = T0 + seconds * 1000
        some = [
            ({"i": str(seconds // 60 % 20 * 40 + each)}, now - each % 7, float(seconds + each)) for each in range(40)
        ]
        samples += some
        log.send(now, "load", *some)
    log.tick(T0 + 1_830_000)
    state = unlimited(log)
    made = go_on(log, first_checkpoint(0, LIMITS), state)
    (read,) = state.recording.tenants["acme"].inputs.values()
    assert 40 <= read.series < 40 * 20
    assert_recorded(made, expressions, samples, range(T0 + 60_000, T0 + 1_800_000, 30_000), "load")


def test_series_over_the_limit_are_passed_over_and_others_go_on() -> None:
    log = Log()
    log.limit(T0 - 3_600_000, {"max_active": 4})
    log.record(T0 - 3_600_000, document("count(requests)"))
    for seconds in (0, 10, 20):
        log.send(T0 + seconds * 1000, "requests", *(({"i": str(each)}, T0 + seconds * 1000, 1.0) for each in range(9)))
    log.tick(T0 + 30_000 + GRACE_MS)
    made = run(log)
    assert {row["value"] for row in made.rows("recorded")} == {4.0}
