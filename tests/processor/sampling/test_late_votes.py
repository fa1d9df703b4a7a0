"""A vote that comes after its trace was dropped brings it back from the log."""

from __future__ import annotations

from typing import Any

import pytest

from processor.sampling.verdict_rows import LATE
from tests.processor.sampling.stream import Log, Row, Run, rule, run, span, traces_of

EXEMPLARS = {"name": "exemplars", "type": "exemplar"}


def upgrades(made: Run) -> list[Row]:
    return [row for row in made.rows("decisions") if row["reason"] == LATE]


def dropped(*policies: dict[str, Any]) -> Log:
    """Trace 1, of two records in two windows beside other traces, is dropped after a second."""
    log = Log()
    log.rule(0, rule(*(policies or (EXEMPLARS,)), wait="2s"))
    log.spans(0, span(1, 1, root=True), span(2, 1), retention_class=3, **{"service.name": "a"})
    log.spans(500, span(9, 1))
    log.spans(1200, span(1, 2), span(3, 1), **{"service.name": "b"})
    log.tick(4000)
    return log


def test_a_dropped_trace_comes_back_whole() -> None:
    log = dropped()
    log.votes(60_000, 1)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2]}
    assert {row["service"] for row in made.rows("spans")} == {"a", "b"}
    assert {row["adjusted_count"] for row in made.rows("spans")} == {1.0}
    (row,) = upgrades(made)
    first = next(row for row in made.rows("decisions") if row["trace_id"][-1] == 1)
    assert (row["kept"], row["policy"], row["rate"], row["spans"], row["class"]) == (True, "exemplars", 1.0, 2, 3)
    for name in ("first_seen", "last_seen", "first_offset", "last_offset", "rule_version"):
        assert row[name] == first[name]


def test_it_comes_back_once_and_late_spans_follow() -> None:
    log = dropped()
    log.votes(60_000, 1)
    log.votes(61_500, 1)
    log.spans(63_000, span(1, 3))
    log.votes(64_000, 1)
    log.tick(70_000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2, 3]}
    assert len(upgrades(made)) == 1


def test_spans_that_were_dropped_because_they_came_late_come_back_too() -> None:
    log = dropped()
    log.spans(10_000, span(1, 3))
    log.spans(20_000, span(1, 4))
    log.votes(20_100, 1)
    log.spans(20_200, span(1, 5), span(7, 1))
    log.tick(30_000)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2, 3, 4, 5]}
    assert upgrades(made)[0]["spans"] == 5


def test_a_span_that_was_sent_twice_comes_back_once() -> None:
    log = dropped()
    log.spans(10_000, span(1, 1, root=True))
    log.votes(20_000, 1)
    made = run(log)
    assert traces_of(made.rows("spans")) == {1: [1, 2]}
    assert upgrades(made)[0]["duplicates"] == 1


def test_what_a_drop_policy_says_still_holds() -> None:
    drop = {
        "name": "no roots", "type": "drop",
        "drop": {"drop_sub_policy": [{"name": "a", "type": "span_count", "span_count": {"min_spans": 2}}]},
    }  # fmt: skip
    log = dropped(EXEMPLARS, drop)
    log.votes(60_000, 1, 2)
    made = run(log)
    assert traces_of(made.rows("spans")) == {2: [1]}
    assert [row["trace_id"][-1] for row in upgrades(made)] == [2]


def test_other_policies_are_not_asked_again() -> None:
    """Of a limit nothing is used up."""
    log = dropped(EXEMPLARS, {"name": "none", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 0}})
    log.votes(60_000, 1)
    assert [row["policy"] for row in upgrades(run(log))] == ["exemplars"]


@pytest.mark.parametrize(("limit", "kept"), [("0", []), ("1", [2]), ("first", [2]), ("more", [1, 2])])
def test_what_is_read_again_in_a_minute_is_limited(limit: str, kept: list[int]) -> None:
    """From the oldest record on, and the one that reaches the limit still counts: trace 2 lies in the first alone."""
    first = next(len(record.value) for record in dropped().records if record.value)
    most = {"first": first, "more": first + 1}.get(limit) or int(limit)
    log = dropped({"name": "exemplars", "type": "exemplar", "exemplar": {"late_bytes_per_minute": most}})
    log.votes(60_000, 1, 2)
    assert sorted(traces_of(run(log).rows("spans"))) == kept


def test_the_next_minute_has_a_limit_of_its_own() -> None:
    log = dropped({"name": "exemplars", "type": "exemplar", "exemplar": {"late_bytes_per_minute": 250}})
    log.votes(60_000, 2)
    log.votes(65_000, 3)
    log.votes(119_000, 3)
    log.votes(120_000, 9)
    made = run(log)
    assert sorted(row["trace_id"][-1] for row in upgrades(made)) == [2, 3, 9]


def test_a_trace_that_the_log_no_longer_has_stays_dropped() -> None:
    log = dropped()
    log.votes(60_000, 1, 2, 3)
    made = run(log, oldest=2)
    assert traces_of(made.rows("spans")) == {3: [1]}


def test_a_vote_is_for_a_trace_of_its_tenant() -> None:
    log = dropped()
    log.rule(5000, rule(EXEMPLARS, wait="1s"), tenant="blue")
    log.votes(60_000, 1, tenant="blue")
    log.tick(90_000)
    made = run(log)
    assert made.rows("spans") == []
    assert upgrades(made) == []


def test_a_rule_that_no_longer_asks_brings_nothing_back() -> None:
    log = dropped()
    log.spans(60_000, span(8, 1))
    log.votes(60_050, 1)
    log.rule(60_100, rule({"name": "few", "type": "span_count", "span_count": {"min_spans": 9}}, wait="1s"))
    log.tick(70_000)
    assert run(log).rows("spans") == []
