"""Exemplars of RED: the slowest stored spans of each window, each of a trace that is stored."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from processor.traces.exemplars import exemplar_rows
from tests.processor.sampling.stream import Log, Run, run, span
from tests.processor.traces.made import CLIENT, ERROR, OK, T0, Made, facts, plain, record_of
from tests.processor.traces.test_red import made_at_random

KEPT_IF_ERROR = {
    "decision_wait": "1s",
    "policies": [{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}],
}


def chosen(*spans: Made, most: int = 1_000) -> list[tuple[int, int]]:
    """(trace, span) of each exemplar."""
    found = exemplar_rows(facts([record_of(0, *spans)]), most)
    return [
        (int.from_bytes(trace, "big"), int.from_bytes(one, "big"))
        for trace, one in plain(found, "trace_id", "span_id")
    ]  # fmt: skip


def test_of_spans_alike_the_slowest_is_one() -> None:
    spans = [Made(trace=n, id=n, duration=duration) for n, duration in enumerate((5, 9, 7, 0), 1)]
    assert chosen(*spans) == [(2, 2)]


@pytest.mark.parametrize(
    "other",
    [{"service": "bank"}, {"name": "POST /"}, {"kind": CLIENT}, {"status": ERROR}, {"status": OK}, {"name": ""}],
)
def test_service_operation_kind_and_status_each_have_their_own(other: dict[str, Any]) -> None:
    spans = [Made(trace=1, duration=9), Made(trace=2, duration=8), Made(trace=3, duration=7, **other)]
    assert chosen(*spans) == [(1, 1), (3, 1)]


def test_entry_and_attributes_make_no_more() -> None:
    assert chosen(Made(trace=1, parent=3), Made(trace=2, duration=9_000_000, attributes={"route": "/"})) == [(2, 1)]


def test_of_the_same_duration_the_smallest_ids_win_whatever_comes_first() -> None:
    high = 1 << 120
    ids = [(high, 1), (3, 9), (3, 2), (2 + high, 1), (3, 200)]
    for seed in range(5):
        random.Random(seed).shuffle(ids)
        assert chosen(*(Made(trace=trace, id=one) for trace, one in ids)) == [(3, 2)]


def test_a_tenant_has_only_so_many_in_a_window_the_slowest() -> None:
    spans = [Made(trace=n, name=f"{n}", duration=(n * 7) % 10) for n in range(1, 10)]
    assert chosen(*spans, most=3) == [(1, 1), (4, 1), (7, 1)]
    tied = [Made(trace=n, name=f"{n}") for n in (5, 3, 9, 4)]
    assert chosen(*tied, most=2) == [(3, 1), (4, 1)]
    records = [record_of(0, *spans), record_of(1, *spans, tenant="blue")]
    found = exemplar_rows(facts(records), 2)
    assert Counter(found.column("tenant").to_pylist()) == {"acme": 2, "blue": 2}


def test_a_row_tells_the_span() -> None:
    one = Made(trace=7, id=8, start=1_234, duration=5_000, kind=9, status=ERROR)
    found = exemplar_rows(facts([record_of(0, one, retention_class=3)], end=50))
    assert [int(time.timestamp() * 1e9) // 1_000 for (time,) in plain(found, "time")] == [(T0 + 1_234) // 1_000]
    assert plain(found, "tenant", "class", "service", "operation", "kind", "status", "duration_ns", "block") == [
        ("acme", 3, "shop", "GET /", 0, ERROR, 5_000, found.column("block")[0].as_py())
    ]


def test_no_spans_are_no_rows() -> None:
    assert exemplar_rows(facts([])).num_rows == 0


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_what_looking_span_by_span_finds(seed: int) -> None:
    records = made_at_random(random.Random(seed), 40)
    window = facts(records)
    items = window.batch.scan.items
    columns = (window.tenant, window.retention_class, window.service, window.kind, window.status)
    names = items["name"].to_arrow().to_pylist()
    best: dict[Any, tuple[Any, ...]] = {}
    for row, (key, name) in enumerate(zip(zip(*(each.tolist() for each in columns), strict=True), names, strict=True)):
        ids = items["trace_id"].fixed(16)[row].tobytes(), items["span_id"].fixed(8)[row].tobytes()
        found = (-int(window.duration[row]), *ids)
        best[key, name] = min(best.get((key, name), found), found)
    rows = exemplar_rows(window)
    assert sorted(plain(rows, "duration_ns", "trace_id", "span_id")) == sorted(
        (-duration, trace, one) for duration, trace, one in best.values()
    )


def exemplars(made: Run) -> list[tuple[str, int, int, int]]:
    """(tenant, trace, span, window) of each."""
    return [
        (row["tenant"], int.from_bytes(row["trace_id"], "big"), int.from_bytes(row["span_id"], "big"), number)
        for number, rows in enumerate(made.stored["red_exemplars"])
        for row in rows
    ]


def test_they_are_of_what_a_window_stores_at_once_when_decided_or_late() -> None:
    log = Log()
    log.rule(1_000, KEPT_IF_ERROR)
    log.spans(1_000, span(1, 1, error=True), span(2, 1))
    log.spans(1_000, span(9, 1), tenant="blue")
    log.tick(2_500)
    log.tick(3_600)  # both are decided: the second is dropped
    log.spans(4_000, span(1, 2), span(2, 2))
    log.tick(6_000)
    made = run(log)
    assert [each[:3] for each in exemplars(made)] == [("blue", 9, 1), ("acme", 1, 1), ("acme", 1, 2)]
    for number, rows in enumerate(made.stored["red_exemplars"]):
        stored = {(row["trace_id"], row["span_id"]) for row in made.stored["spans"][number]}
        assert {(row["trace_id"], row["span_id"]) for row in rows} <= stored


def test_a_tenant_without_red_metrics_has_none() -> None:
    log = Log()
    log.rule(1_000, KEPT_IF_ERROR)
    log.measure(1_000, {"red": False}, tenant="blue")
    log.spans(1_000, span(1, 1, error=True))
    log.spans(1_000, span(9, 1), tenant="blue")
    log.measure(1_500, {"red": False})  # in force when the trace is decided
    log.tick(2_500)
    log.spans(4_000, span(8, 1), tenant="green")
    log.tick(6_000)
    made = run(log)
    assert [each[:2] for each in exemplars(made)] == [("green", 8)]
    assert len(made.rows("spans")) == 3


@pytest.mark.parametrize("seed", range(3))
def test_every_exemplar_is_of_a_span_stored_in_its_window(seed: int) -> None:
    rng, log, now = random.Random(seed), Log(), 1_000_000
    log.rule(now, KEPT_IF_ERROR)
    for _ in range(40):
        now += rng.choice((10, 300, 900))
        spans = [span(rng.randrange(12), rng.randint(1, 3), error=rng.random() < 0.2) for _ in range(5)]
        log.spans(now, *spans, tenant=rng.choice(("acme", "blue")), retention_class=rng.choice((0, 2)))
    log.tick(now + 20_000)
    made = run(log)
    for stored, found in zip(made.stored["spans"], made.stored["red_exemplars"], strict=True):
        there = {(row["tenant"], row["class"], row["trace_id"], row["span_id"]) for row in stored}
        assert {(row["tenant"], row["class"], row["trace_id"], row["span_id"]) for row in found} <= there
        groups = {
            (row["tenant"], row["class"], row["service"], row["name"], row["kind"], row["status"]) for row in stored
        }
        assert len(found) == len(groups)
