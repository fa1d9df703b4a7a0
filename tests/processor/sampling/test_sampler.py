"""Tail sampling of a partition: what is kept, when it is decided, and that a restart changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.processor.sampling.stream import LIMITS, Log, resumed, rule, run, span, traces_of

ERRORS: dict[str, Any] = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
ALL: dict[str, Any] = {"name": "all", "type": "always_sample"}


def test_spans_of_a_tenant_without_a_rule_are_stored_at_once() -> None:
    log = Log()
    log.spans(0, span(1, 1), span(2, 1))
    log.tick(1000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1], 2: [1]}
    assert made.rows("decisions") == []
    assert [row["pending"] for row in made.rows("trace_index")] == [False, False]


def test_a_trace_waits_for_its_time_and_is_decided_as_a_whole() -> None:
    log = Log()
    log.rule(0, rule(ERRORS))
    log.spans(10, span(1, 1), span(2, 1))
    log.spans(4000, span(1, 2, error=True))
    log.tick(5009)
    log.tick(5010)
    made = run(log)
    assert [len(rows) for rows in made.stored["spans"]] == [0, 0, 0, 0, 2]
    assert traces_of(made.rows("spans")) == {1: [1, 2]}
    kept, dropped = made.rows("decisions")
    assert (kept["kept"], kept["policy"], kept["reason"]) == (True, "errors", "sampled by a policy of type status_code")
    assert (dropped["kept"], dropped["policy"], dropped["reason"]) == (False, "", "no policy sampled it")
    assert (kept["rule_version"], kept["spans"], kept["rate"], kept["early"]) == (1, 2, 1.0, "")
    assert (kept["first_offset"], kept["last_offset"], dropped["last_offset"]) == (1, 2, 1)
    assert all(row["pending"] for row in made.rows("trace_index"))


def test_what_waits_says_when_it_is_due_and_from_where_the_log_is_needed() -> None:
    log = Log()
    log.rule(0, rule(ERRORS))
    log.spans(100, span(1, 1))
    log.spans(1200, span(2, 1))
    log.tick(3000)
    made = run(log)
    assert made.due_ms == [None, 5100, 5100, 5100]
    assert [checkpoint.resume for checkpoint in made.checkpoints] == [1, 1, 1, 1]


def test_after_its_root_a_trace_waits_no_longer_than_is_said() -> None:
    log = Log()
    log.rule(0, rule(ALL, wait="30s", decision_wait_after_root_received="2s"))
    log.spans(1000, span(1, 1), span(2, 1))
    log.spans(3000, span(1, 2, root=True))
    log.tick(4999)
    log.tick(5000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2]}
    assert made.due_ms[-1] == 31_000


def test_late_spans_follow_the_verdict() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, wait="1s"))
    log.spans(0, span(1, 1, error=True), span(2, 1))
    log.tick(1000)
    log.tick(1001)
    log.spans(2000, span(1, 2), span(2, 2, error=True), span(3, 1))
    log.tick(9000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2]}
    assert len(made.rows("decisions")) == 3


def test_a_verdict_that_is_remembered_no_longer_is_made_anew() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, wait="1s", num_traces=2))
    for number, at in ((1, 0), (2, 2000), (3, 4000), (4, 6000)):
        log.spans(at, span(number, 1))
        log.tick(at + 1000)
    log.spans(8000, span(3, 2, error=True), span(2, 2, error=True))
    log.tick(9001)
    made = run(log)
    # Of the dropped ones the last two are remembered: 3 and 4.
    assert traces_of(made.rows("spans")) == {2: [2]}


def test_a_repeated_span_of_an_open_trace_is_dropped_and_counted() -> None:
    log = Log()
    log.rule(0, rule(ALL, wait="3s"))
    log.spans(0, span(1, 1), span(1, 1), span(1, 2))
    log.spans(2000, span(1, 2), span(1, 2, error=True), span(2, 1))
    log.tick(9000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2, 2], 2: [1]}
    assert [(row["spans"], row["duplicates"]) for row in made.rows("decisions")] == [(3, 2), (1, 0)]


def test_more_open_traces_than_the_rule_allows_are_decided_early_oldest_first() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, num_traces=3))
    log.spans(0, *(span(number, 1, error=number == 1) for number in range(1, 6)))
    log.tick(1000)
    made = run(log)
    assert [row["early"] for row in made.rows("decisions")] == ["num_traces", "num_traces"]
    assert traces_of(made.rows("spans")) == {1: [1]}


def test_a_huge_trace_is_decided_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.sampling.due.MOST_TRACE_BYTES", 1000)
    log = Log()
    log.rule(0, rule(ERRORS))
    log.spans(0, *(span(1, number, error=number == 3) for number in range(1, 40)), span(2, 1))
    log.tick(1000)
    log.spans(1100, span(1, 50))
    log.tick(2100)
    made = run(log)
    assert [row["early"] for row in made.rows("decisions")] == ["trace_bytes"]
    assert len(traces_of(made.rows("spans"))[1]) == 40


def test_a_full_buffer_decides_its_oldest_traces_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.sampling.sampler.LEAST_BUFFER_BYTES", 0)
    log = Log()
    log.rule(0, rule(ALL))
    for number in range(100):
        log.spans(number, span(number, 1))
    log.tick(1000)
    made = run(log, replace(LIMITS, buffer_bytes=5000))
    early = [row["early"] for row in made.rows("decisions")]
    assert 0 < len(early) < 100
    assert set(early) == {"buffer_bytes"}
    assert sorted(traces_of(made.rows("spans"))) == list(range(len(early)))


def test_spans_whose_parts_would_cost_too_much_to_hold_are_stored_without_waiting() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, wait="1s"))
    log.spans(0, *(span(number, 1) for number in range(1, 60)), service="x" * (1 << 20))
    log.tick(9000)
    made = run(log)
    stored, decided = (
        traces_of(made.rows("spans")),
        {row["trace_id"][-1] for row in made.rows("decisions") if row["spans"]},
    )
    assert 0 < len(stored) < 59
    assert len(stored) + len(decided) == 59
    assert {row["trace_id"][-1] for row in made.rows("trace_index") if row["pending"]} == decided


def test_a_rule_that_is_taken_back_lets_what_waits_go() -> None:
    log = Log()
    log.rule(0, rule(ERRORS))
    log.spans(0, span(1, 1))
    log.rule(100, {})
    log.spans(200, span(1, 2), span(2, 1))
    log.tick(1000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [2, 1], 2: [1]}
    assert [(row["kept"], row["early"]) for row in made.rows("decisions")] == [(True, "no_policy")]


def test_a_rule_holds_from_its_record_on_and_a_repeat_says_nothing() -> None:
    log = Log()
    log.spans(0, span(1, 1))
    log.rule(10, rule(ERRORS), counts=False)
    log.spans(20, span(2, 1))
    log.rule(30, rule(ERRORS))
    log.spans(40, span(3, 1))
    log.tick(1000)
    assert traces_of(run(log).rows("spans")) == {1: [1], 2: [1]}


def test_each_tenant_has_its_own_rule_and_traces() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, wait="1s"))
    log.rule(0, rule(ALL, wait="2s"), tenant="blue")
    log.spans(0, span(1, 1))
    log.spans(0, span(1, 1), span(2, 1), tenant="blue", retention_class=3)
    log.spans(0, span(9, 1), tenant="green")
    for at in (1000, 2000, 2001):
        log.tick(at)
    made = run(log)
    assert [(row["tenant"], row["class"]) for row in made.rows("spans")] == [("green", 0), ("blue", 3), ("blue", 3)]
    assert [(row["tenant"], row["kept"]) for row in made.rows("decisions")] == [
        ("acme", False),
        ("blue", True),
        ("blue", True),
    ]


def test_a_span_kept_by_chance_stands_for_more_and_one_kept_by_a_rule_does_not() -> None:
    log = Log()
    quarter = {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 25}}
    log.rule(0, rule(ERRORS, quarter, wait="1s"))
    ids = [random.Random(number).getrandbits(127) * 2 + number % 2 for number in range(200)]
    log.spans(0, *(span(each, 1, error=each % 2 == 0) for each in ids))
    log.tick(1000)
    log.tick(1001)
    log.spans(2000, *(span(each, 2) for each in ids))
    log.tick(9000)
    rows = run(log).rows("spans")
    assert {row["adjusted_count"] for row in rows if row["trace_id"][-1] % 2} == {4.0}
    assert {row["adjusted_count"] for row in rows if row["trace_id"][-1] % 2 == 0} == {1.0}
    assert 0 < sum(row["trace_id"][-1] % 2 for row in rows) < 200


def test_a_limit_is_split_over_partitions_and_what_it_keeps_is_estimated() -> None:
    log = Log()
    limit = {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 8, "burst_capacity": 8}}
    log.rule(0, rule(limit, wait="1s"))
    log.spans(0, *(span(number, 1) for number in range(32)))
    log.tick(1000)
    log.tick(1001)
    made = run(log)
    assert [row["estimated"] for row in made.rows("decisions") if row["kept"]] == [True] * 8
    assert {row["adjusted_count"] for row in made.rows("spans")} == {4.0}


EXEMPLARS = {"name": "exemplars", "type": "exemplar"}


def test_a_vote_keeps_a_trace_whether_it_comes_before_its_spans_or_after() -> None:
    log = Log()
    log.rule(0, rule(ERRORS, EXEMPLARS, wait="3s"))
    log.votes(10, 1)
    log.spans(20, span(1, 1), span(2, 1), span(3, 1))
    log.votes(2000, 2)
    log.tick(4000)
    made = run(log)
    assert sorted(traces_of(made.rows("spans"))) == [1, 2]
    assert {row["policy"] for row in made.rows("decisions") if row["kept"]} == {"exemplars"}


def test_spans_that_come_long_after_the_vote_for_their_trace_are_kept() -> None:
    log = Log()
    log.rule(0, rule(EXEMPLARS, wait="1s"))
    log.votes(0, 1)
    log.tick(2000)
    log.spans(5000, span(1, 1))
    log.tick(9000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1]}
    assert [(row["kept"], row["spans"]) for row in made.rows("decisions")] == [(True, 0)]


def test_votes_of_a_tenant_whose_rule_does_not_ask_for_them_are_passed_over() -> None:
    log = Log()
    log.votes(0, 2)
    log.rule(0, rule(ERRORS, wait="1s"))
    log.votes(0, 1)
    log.spans(0, span(1, 1), span(2, 1))
    log.tick(9000)
    made = run(log)
    assert [row["kept"] for row in made.rows("decisions")] == [False, False]


POLICIES = (
    ERRORS,
    EXEMPLARS,
    {"name": "few exemplars", "type": "exemplar", "exemplar": {"late_bytes_per_minute": 1500}},
    {
        "name": "keys",
        "type": "dynamic",
        "dynamic": {"fields": ["tier"], "goal_sample_rate": 3, "adjustment_interval": "2s"},
    },
    {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 30}},
    {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 3}},
    {"name": "bytes", "type": "bytes_limiting", "bytes_limiting": {"bytes_per_second": 300}},
    {"name": "many", "type": "span_count", "span_count": {"min_spans": 4}},
    {
        "name": "shared", "type": "composite",
        "composite": {
            "max_total_spans_per_second": 4,
            "composite_sub_policy": [ERRORS, ALL],
            "rate_allocation": [{"policy": "errors", "percent": 50}],
        },
    },
)  # fmt: skip


def random_log(rng: random.Random, records: int = 60) -> Log:
    log, now, sent = Log(), 1_000_000, []
    log.rule(now, rule(*rng.sample(POLICIES, 3), wait="1s"))
    for _ in range(records):
        now += rng.choice((0, 10, 300, 900, 2500))
        chance = rng.random()
        tenant = rng.choice(("acme", "acme", "blue"))
        if chance < 0.1:
            log.tick(now)
        elif chance < 0.2:
            log.votes(now, *rng.sample(range(20), rng.randint(1, 3)), tenant=tenant)
        elif chance < 0.3:
            document = {} if rng.random() < 0.2 else rule(
                *rng.sample(POLICIES, rng.randint(1, 3)), wait=rng.choice(("1s", "3s")),
                num_traces=rng.choice((4, 6, 50)), decision_wait_after_root_received=rng.choice(("0s", "1s")),
                sample_on_first_match=rng.random() < 0.3,
            )  # fmt: skip
            if rng.random() < 0.2:
                log.rule(now, document, tenant, counts=False)
            log.rule(now, document, tenant)
        else:
            spans = [
                span(
                    rng.randrange(20),
                    rng.randint(1, 5),
                    root=rng.random() < 0.2,
                    error=rng.random() < 0.1,
                    kind=rng.choice((1, 2, 3)),
                    tier=rng.choice("abb"),
                )
                for _ in range(rng.randint(1, 8))
            ]
            log.spans(now, *spans, *rng.choices(sent or spans, k=rng.randrange(2)), tenant=tenant,
                      retention_class=rng.choice((0, 0, 2)), service=rng.choice("ab"))  # fmt: skip
            sent = (sent + spans)[-10:]
    log.tick(now + 10_000)
    return log


@pytest.mark.parametrize("seed", range(25))
def test_another_owner_goes_on_as_if_it_had_never_stopped(seed: int) -> None:
    rng = random.Random(seed)
    log = random_log(rng)
    whole = run(log)
    assert whole.rows("decisions")
    assert whole.rows("service_edges")
    before = whole
    for windows in sorted(rng.sample(range(1, len(whole.windows)), 8)):
        after = resumed(log, before, windows)
        assert after.windows == whole.windows[windows:]
        for table, stored in whole.stored.items():
            for number, (again, first) in enumerate(zip(after.stored.get(table, []), stored[windows:], strict=True)):
                assert again == first, (seed, windows, number, table)
        # Where it would resume may differ: windows that come back are longer. So the next takes over here.
        before = replace(whole, checkpoints=[*whole.checkpoints[:windows], *after.checkpoints])


@pytest.mark.parametrize("seed", range(8))
def test_every_span_is_stored_or_its_trace_was_dropped(seed: int) -> None:
    log = random_log(random.Random(1000 + seed))
    made = run(log)
    dropped = {(row["tenant"], row["trace_id"]) for row in made.rows("decisions") if not row["kept"]}
    kept = {(row["tenant"], row["trace_id"]) for row in made.rows("decisions") if row["kept"] and row["spans"]}
    stored = {(row["tenant"], row["trace_id"], row["span_id"]) for row in made.rows("spans")}
    for row in made.rows("trace_index"):
        name = (row["tenant"], row["trace_id"])
        assert name in dropped | kept or (not row["pending"] and any(each[:2] == name for each in stored))
    assert {each[:2] for each in stored} >= kept


def test_which_of_the_traces_of_one_record_goes_first_does_not_depend_on_a_restart() -> None:
    """A vote names two traces; spans of the second come later, and are filed before it when they are read again."""
    log = Log()
    log.rule(0, rule(EXEMPLARS, wait="60s", num_traces=2))
    log.votes(10, 1, 2)
    log.spans(2000, span(2, 1))
    log.spans(4000, span(3, 1))
    log.tick(6000)
    whole = run(log)
    assert [row["early"] for row in whole.rows("decisions")] == ["num_traces"]
    for windows in range(1, len(whole.windows)):
        again = resumed(log, whole, windows)
        assert again.stored["decisions"] == whole.stored["decisions"][windows:]
