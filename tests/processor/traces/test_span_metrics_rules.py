"""What is measured is what the rule asks for that is in force at a span's record, restart or not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processor.traces import graph, red
from processor.traces.cardinality import OVERFLOW
from processor.traces.facts import SpanFacts
from processor.window import Limits
from tests.processor.sampling.stream import Log, Run, resumed, run, span

SERVER, CLIENT = 2, 3
ONE_WINDOW = Limits(span_ms=1_000, rows=1_000, value_bytes=100_000, edge_ms=2_000)


def counted(made: Run, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of `red`: these columns, the dimensions, and how many spans."""
    return [
        (*(row[name] for name in columns), dict(row["dimensions"]), row["spans"]) for row in made.rows("red")
    ]  # fmt: skip


def edges(made: Run) -> list[tuple[str, str, str]]:
    return [(row["tenant"], row["client"], row["server"]) for row in made.rows("service_edges")]


def test_a_change_in_the_middle_of_a_window_holds_from_its_record_on() -> None:
    log = Log()
    log.spans(1_000, span(1, 1, route="/a"), span(1, 2, route="/b"), zone="eu")
    log.measure(1_010, {"dimensions": ["zone", "route"]})
    log.spans(1_020, span(1, 1, route="/a"), span(1, 2), zone="eu")
    log.spans(1_030, span(1, 1, route="/a"), tenant="blue")
    log.measure(1_040, {})
    log.spans(1_050, span(1, 1, route="/a"), zone="eu")
    log.tick(5_000)
    made = run(log, ONE_WINDOW)
    assert counted(made, "tenant", "operation") == [
        ("acme", "work-1", {}, 2),  # before, and after
        ("acme", "work-2", {}, 1),
        ("acme", "work-1", {"route": "/a", "zone": "eu"}, 1),
        ("acme", "work-2", {"zone": "eu"}, 1),
        ("blue", "work-1", {}, 1),
    ]


def test_the_limit_of_series_is_that_of_the_record_and_of_the_tenant() -> None:
    log = Log()
    log.measure(1_000, {"max_series": 1})
    log.spans(1_000, *(span(1, n) for n in (1, 2)))
    log.spans(1_000, *(span(1, n) for n in (1, 2)), tenant="blue")
    log.measure(1_010, {"max_series": 2})
    log.spans(1_020, *(span(1, n) for n in (2, 3)))
    log.measure(1_030, {"max_series": 0})
    log.spans(1_040, *(span(1, n) for n in (1, 4)))  # who is admitted stays
    log.tick(5_000)
    assert counted(run(log, ONE_WINDOW), "tenant", "operation") == [
        ("acme", "work-1", {}, 2),
        ("acme", OVERFLOW, {}, 3),
        ("blue", "work-1", {}, 1),
        ("blue", "work-2", {}, 1),
        ("acme", "work-2", {}, 1),
    ]


def test_dimensions_make_series_that_count_against_the_limit() -> None:
    log = Log()
    log.measure(1_000, {"dimensions": ["route"], "max_series": 2})
    log.spans(1_000, *(span(n, 1, route=f"/{n}") for n in range(4)))
    log.tick(5_000)
    assert counted(run(log), "operation") == [
        ("work-1", {"route": "/0"}, 1), ("work-1", {"route": "/1"}, 1), (OVERFLOW, {}, 2)]  # fmt: skip


def send(log: Log, at_ms: int, service: str, one: Span, tenant: str = "acme") -> None:
    log.spans(at_ms, one, tenant=tenant, retention_class=0, **{"service.name": service})


def asked(log: Log, at_ms: int, trace: int, tenant: str = "acme") -> None:
    """A service asks another."""
    send(log, at_ms, "web", span(trace, 1, root=True, kind=CLIENT), tenant)
    send(log, at_ms, "db", span(trace, 2, kind=SERVER), tenant)


def test_who_makes_span_metrics_of_its_own_has_no_rows_and_others_have() -> None:
    log = Log()
    log.measure(1_000, {"red": False, "service_graph": False})
    for at_ms in (1_000, 3_000):
        asked(log, at_ms, at_ms, "acme")
        asked(log, at_ms, at_ms, "blue")
    log.tick(20_000)
    made = run(log)
    assert {row["tenant"] for row in made.rows("red")} == {"blue"}
    assert edges(made) == [("blue", "web", "db")] * 2
    assert {row["tenant"] for row in made.rows("spans")} == {"acme", "blue"}


def test_one_goes_without_the_other() -> None:
    log = Log()
    log.measure(1_000, {"red": False})
    log.measure(1_000, {"service_graph": False}, tenant="blue")
    asked(log, 1_000, 1, "acme")
    asked(log, 1_000, 1, "blue")
    log.tick(20_000)
    made = run(log)
    assert {row["tenant"] for row in made.rows("red")} == {"blue"}
    assert edges(made) == [("acme", "web", "db")]


def test_a_request_whose_other_side_came_under_another_rule_waits_in_vain() -> None:
    log = Log()
    send(log, 1_000, "web", span(1, 1, root=True, kind=CLIENT, **{"peer.service": "db"}))
    log.measure(1_010, {"service_graph": False})
    send(log, 1_020, "store", span(1, 2, kind=SERVER))
    log.tick(20_000)
    assert edges(run(log)) == [("acme", "web", "db")]


def test_nothing_is_computed_for_spans_that_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, set[str]]] = []

    def tenants(facts: SpanFacts) -> set[str]:
        return {facts.batch.tenants[place] for place in facts.tenant}

    for module, name in ((red, "_codes"), (graph, "describe")):
        before = getattr(module, name)

        def watched(*args: Any, name: str = name, before: Any = before) -> Any:
            facts = next(each for each in args if isinstance(each, SpanFacts))
            seen.append((name, tenants(facts)))
            return before(*args)

        monkeypatch.setattr(module, name, watched)
    log = Log()
    log.measure(1_000, {"red": False, "service_graph": False})
    asked(log, 1_000, 1, "acme")
    log.tick(2_500)
    asked(log, 3_000, 2, "acme")
    asked(log, 3_000, 2, "blue")
    log.tick(20_000)
    run(log)
    assert [each for each in seen if each[1]] == [("_codes", {"blue"}), ("describe", {"blue"})]


def random_log(rng: random.Random) -> Log:
    log, now = Log(), 1_000_000
    log.rule(now, {"policies": [{"name": "all", "type": "always_sample"}], "decision_wait": "1s"}, "blue")
    log.measure(now, {"dimensions": ["tier", "zone"], "max_series": 5}, "acme")
    for _ in range(80):
        now += rng.choice((0, 10, 300, 600, 900))
        tenant = rng.choice(("acme", "blue"))
        if rng.random() < 0.25:
            document = {
                "dimensions": rng.sample(("tier", "zone", "none"), rng.randrange(3)),
                "max_series": rng.choice((5, 10, 15)),
                "service_graph": rng.random() < 0.5,
                "red": rng.random() < 0.8,
            }
            if rng.random() < 0.3:
                log.measure(now, document, tenant, counts=False)
            log.measure(now, document, tenant)
        else:
            spans = [
                span(rng.randrange(4), rng.randint(1, 3), kind=rng.choice((2, 3)), tier=rng.choice("ab"))
                for _ in range(rng.randint(1, 8))
            ]
            log.spans(now, *spans, tenant=tenant, retention_class=rng.choice((0, 2)), zone=rng.choice("xy"))
    log.tick(now + 20_000)
    return log


@pytest.mark.parametrize("seed", [1, 2, 6, 7])
def test_another_owner_measures_the_same_wherever_it_takes_over(seed: int) -> None:
    log = random_log(random.Random(seed))
    whole = run(log)
    assert any(row["dimensions"] for row in whole.rows("red"))
    assert any(row["overflow"] for row in whole.rows("red"))
    assert whole.rows("service_edges")
    before = whole
    for windows in range(1, len(whole.windows)):
        after = resumed(log, before, windows)
        assert after.windows == whole.windows[windows:]
        for table, stored in whole.stored.items():
            assert after.stored.get(table, []) == stored[windows:], (seed, windows, table)
        before = replace(whole, checkpoints=[*whole.checkpoints[:windows], *after.checkpoints])
