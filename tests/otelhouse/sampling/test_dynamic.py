"""A rate for each key: as Refinery's EMA dynamic sampler has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otelhouse.rules.errors import InvalidRule
from otelhouse.sampling.decide import decide
from otelhouse.sampling.policies.dynamic import Dynamic, rates_of
from tests.otelhouse.sampling.made import Trace, columns, policy, resource, sampling, span

SECOND = 1_000_000_000


def made(**settings: Any) -> Dynamic:
    found = sampling(policy("dynamic", **{"fields": ["path"], **settings})).policies[0].policy
    assert isinstance(found, Dynamic)
    return found


def traces(path: str, count: int, spans: int = 1) -> list[Trace]:
    return [[resource(*(span(path=path) for _ in range(spans)))] for _ in range(count)]


@pytest.mark.parametrize(
    ("averages", "ratio", "rates"),
    [
        ({}, 1.0, {}),
        ({"a": 1000.0}, 100 / 3, {"a": 10}),
        ({"a": 100.0, "b": 10.0}, 11 / 3, {"a": 14, "b": 3}),
        ({"a": 0.5, "b": 0.7}, 1.0, {"a": 1, "b": 1}),
        ({"a": 2.0, "b": 1000.0}, 30.0, {"a": 1, "b": 11}),  # what `a` leaves goes to `b`
    ],
)
def test_each_key_gets_its_share_by_the_logarithm(
    averages: dict[str, float], ratio: float, rates: dict[str, int]
) -> None:
    assert rates_of(averages, ratio) == rates


def test_until_an_interval_is_over_the_goal_is_every_key_s_rate() -> None:
    dynamic = made(goal_sample_rate=4)
    found = columns(traces("/a", 400) + traces("/b", 2))
    kept = dynamic.evaluate(found, found.any(found.of_span >= 0), 0)
    assert 60 < kept.sum() < 140
    assert set(dynamic.probability.tolist()) == {0.25}


def test_rare_keys_are_kept_and_frequent_ones_thinned_out() -> None:
    wanted = sampling(policy("dynamic", fields=["path"], goal_sample_rate=10))
    load = columns(traces("/often", 900) + traces("/rare", 3))
    decide(wanted, load, 0)
    verdicts = decide(wanted, load, 15 * SECOND)
    assert verdicts.sampled[900:].all()
    assert verdicts.rate[900:].tolist() == [1.0] * 3
    kept = verdicts.sampled[:900]
    rate = verdicts.rate[:900][kept][0]
    assert rate < 0.2
    assert abs(kept.sum() - 900 * rate) < 3 * (900 * rate) ** 0.5
    assert not verdicts.estimated.any()


def test_a_key_not_seen_before_is_kept_whole() -> None:
    wanted = sampling(policy("dynamic", fields=["path"]))
    decide(wanted, columns(traces("/a", 500)), 0)
    assert decide(wanted, columns(traces("/new", 20)), 15 * SECOND).sampled.all()


def test_a_burst_adjusts_rates_before_the_interval_is_over() -> None:
    dynamic = made(goal_sample_rate=2, burst_detection_delay=1)
    for key, spans, now in (("a", 10, 0), ("a", 10, 15)):
        dynamic._pass_time(now * SECOND)
        dynamic._rate(key, spans, now * SECOND)
    before = dynamic._rate("a", 1, 16 * SECOND)
    assert dynamic._rate("a", 10_000, 16 * SECOND) == before * 1  # it is counted, and rates are adjusted
    assert dynamic.average.next_ns == 31 * SECOND
    assert dynamic.average.counts == {}


def test_keys_are_the_different_values_of_a_trace_and_its_length_if_wanted() -> None:
    group = resource(span(path="/b", n=1), span(path="/a"), span(path="/b"), n=7)
    found = columns([[group]])
    everything = found.of_span[:1]
    assert list(made(fields=["path", "n"])._keys(found, everything)) == ["1•7•,/a•/b•,"]
    assert list(made(use_trace_length=True)._keys(found, everything)) == ["/a•/b•,3"]
    assert list(made(fields=["missing"])._keys(found, everything)) == [","]


def test_no_more_keys_are_counted_than_are_allowed() -> None:
    dynamic = made(max_keys=2)
    for key in "abcab":
        dynamic._rate(key, 1, 0)
    assert dynamic.average.counts == {"a": 2.0, "b": 2.0}


def test_another_goes_on_from_its_state() -> None:
    first, second = made(), made()
    for now, key, spans in ((0, "a", 400), (1, "b", 7), (15, "a", 300), (31, "b", 2)):
        first._pass_time(now * SECOND)
        first._rate(key, spans, now * SECOND)
    second.go_on(json.loads(json.dumps(first.used())))
    assert second.average == first.average


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "fields: is missing"),
        ({"fields": []}, "fields"),
        ({"fields": ["a"], "weight": 1}, "weight: must be between 0 and 1"),
        ({"fields": ["a"], "goal_sample_rate": 0}, "goal_sample_rate"),
        ({"fields": ["a"], "adjustment_interval": "soon"}, "adjustment_interval: 'soon' is no duration"),
        ({"fields": ["a"], "goal": 1}, "goal"),
    ],
)
def test_what_is_wrong_is_said_by_its_key(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidRule, match=rf"policies\[0\].dynamic.*{fault}"):
        sampling(policy("dynamic", **settings))


def test_it_stands_in_no_other_policy() -> None:
    inner = {"name": "d", **policy("dynamic", fields=["a"])}
    with pytest.raises(InvalidRule, match="'dynamic' is not possible here"):
        sampling({"type": "and", "and": {"and_sub_policy": [inner]}})
