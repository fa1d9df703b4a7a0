"""Each policy's meaning, row by row: that of tail_sampling, contrib v0.164.1 (its README, and internal/sampling)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from otelhouse.sampling.decide import decide
from tests.otelhouse.sampling.made import Trace, columns, kept, policy, resource, sampling, span, trace_id

ONE = [resource(span())]


def says(wanted: dict[str, Any], trace: Trace) -> bool:
    return kept(sampling(wanted), trace)[0]


@pytest.mark.parametrize(
    ("lower", "upper", "spans", "expected"),
    [
        (500, 0, [(1000, 1500)], False),  # a lower bound alone is exclusive
        (500, 0, [(1000, 1500.999999)], False),  # in whole milliseconds
        (500, 0, [(1000, 1501)], True),
        (500, 0, [(1000, 1100), (1400, 1600)], True),  # from the first start to the last end
        (500, 800, [(1000, 1500)], False),
        (500, 800, [(1000, 1800)], True),  # an upper bound is inclusive
        (500, 800, [(1000, 1801)], False),
        (500, 800, [(1000, 1700), (1000, 3000)], True),  # while it came in it was within
        (500, 800, [(1000, 3000), (1000, 1700)], False),
        (0, 0, [(1000, 1000)], False),
        (0, 0, [(1000, 1001)], True),
        (500, 0, [(0, 1000), (2000, 2100)], True),
        (500, 0, [(2000, 1000)], False),  # ends before it starts
        (-2000, 0, [(2000, 1000)], True),
    ],
)
def test_latency(lower: int, upper: int, spans: list[tuple[float, float]], expected: bool) -> None:
    trace = [resource(*(span(start, end) for start, end in spans))]
    assert says(policy("latency", threshold_ms=lower, upper_threshold_ms=upper), trace) is expected


@pytest.mark.parametrize(
    ("settings", "value", "expected"),
    [
        ({"min_value": 50, "max_value": 100}, 49, False),
        ({"min_value": 50, "max_value": 100}, 50, True),
        ({"min_value": 50, "max_value": 100}, 100, True),
        ({"min_value": 50, "max_value": 100}, 101, False),
        ({"min_value": 50}, 1 << 62, True),
        ({"max_value": 100}, -(1 << 62), True),
        ({"min_value": 50, "max_value": 100}, 75.0, False),  # only integers are numbers here
        ({"max_value": 100}, 75.0, True),  # all else counts as 0
        ({"max_value": 100}, "text", True),
        ({"min_value": -5, "max_value": 5}, True, True),
        ({"min_value": 50, "max_value": 100, "invert_match": True}, 75, False),
        ({"min_value": 50, "max_value": 100, "invert_match": True}, 1, True),
        ({"max_value": 100, "invert_match": True}, "text", False),
    ],
)
def test_numeric_attribute(settings: dict[str, Any], value: Any, expected: bool) -> None:
    wanted = policy("numeric_attribute", key="n", **settings)
    assert says(wanted, [resource(span(n=value))]) is expected
    assert says(wanted, [resource(span(), n=value)]) is expected
    assert says(wanted, ONE) is settings.get("invert_match", False)


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        (True, True, True), (True, False, False), (False, False, True), (False, "x", True), (True, "true", False),
        (False, 1, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("invert", [False, True])
def test_boolean_attribute(wanted: bool, value: Any, expected: bool, invert: bool) -> None:
    rule = policy("boolean_attribute", key="b", value=wanted, invert_match=invert)
    assert says(rule, [resource(span(b=value))]) is (expected != invert)
    assert says(rule, [resource(span(), b=value)]) is (expected != invert)
    assert says(rule, ONE) is invert


@pytest.mark.parametrize(
    ("settings", "value", "on_span", "on_resource"),
    [
        ({"values": ["a", "b"]}, "a", True, True),
        ({"values": ["a", "b"]}, "A", False, False),
        ({"values": ["a", "b"]}, "ab", False, False),
        ({"values": ["1"]}, 1, False, False),
        ({"values": [""]}, "", False, False),
        ({"values": []}, "a", False, False),
        ({"values": ["a+", "x$"], "enabled_regex_matching": True}, "caat", True, True),  # anywhere
        ({"values": ["^a+$"], "enabled_regex_matching": True}, "caat", False, False),
        ({"values": [".*"], "enabled_regex_matching": True}, "", False, True),
        ({"values": [".*"], "enabled_regex_matching": True}, 5, False, True),
        ({"values": [".*"], "enabled_regex_matching": True}, "x", True, True),
        ({"values": ["v[0-9"]}, "v[0-9", True, True),  # no pattern unless told so
    ],
)
@pytest.mark.parametrize("invert", [False, True])
def test_string_attribute(settings: dict[str, Any], value: Any, on_span: bool, on_resource: bool, invert: bool) -> None:
    rule = policy("string_attribute", key="s", invert_match=invert, **settings)
    assert says(rule, [resource(span(s=value))]) is (on_span != invert)
    assert says(rule, [resource(span(), s=value)]) is (on_resource != invert)
    assert says(rule, ONE) is invert


def test_any_span_and_resource_of_a_trace_may_match_and_of_a_key_twice_the_first_counts() -> None:
    rule = policy("string_attribute", key="s", values=["yes"])
    assert says(rule, [resource(span()), resource(span(), span(s="yes"))])
    assert says(rule, [resource(span()), resource(span(), s="yes")])
    twice = span(s="no")
    twice.attributes.extend(span(s="yes").attributes)
    assert not says(rule, [resource(twice)])


@pytest.mark.parametrize(
    ("codes", "statuses", "expected"),
    [
        (["ERROR"], [0, 1], False), (["ERROR"], [0, 2], True), (["OK", "UNSET"], [2], False), (["UNSET"], [0], True),
        (["OK"], [7], False),
    ],
)  # fmt: skip
def test_status_code(codes: list[str], statuses: list[int], expected: bool) -> None:
    trace = [resource(*(span(status=status) for status in statuses))]
    assert says(policy("status_code", status_codes=codes), trace) is expected


@pytest.mark.parametrize(
    ("least", "most", "count", "expected"),
    [(2, 0, 1, False), (2, 0, 2, True), (2, 3, 3, True), (2, 3, 4, False), (0, 0, 1, True), (5, 3, 4, False)],
)
def test_span_count(least: int, most: int, count: int, expected: bool) -> None:
    trace = [resource(*(span() for _ in range(count)))]
    assert says(policy("span_count", min_spans=least, max_spans=most), trace) is expected


@pytest.mark.parametrize(("flags", "expected"), [(0, False), (1, True), (2, False), (0x101, True), (0x300, False)])
def test_trace_flags(flags: int, expected: bool) -> None:
    assert says(policy("trace_flags"), [resource(span(), span(flags=flags))]) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("k=v", True),
        ("a=b,k=v", True),
        ("a=b, k=v ", True),
        ("k=w", False),
        ("k =v", False),  # malformed: then it has no members
        ("k=v,k=v", False),
        ("k=v,=x", False),
        ("k=v,Upper=x", False),
        ("k=v,,", True),
        ("k=v," + ",".join(f"a{n}=1" for n in range(31)), True),
        ("k=v," + ",".join(f"a{n}=1" for n in range(32)), False),
        ("k=v,t@s=1", True),
        ("k=v,1t@s=1", True),
        ("k=v,1=1", False),
        ("", False),
    ],
)
def test_trace_state(state: str, expected: bool) -> None:
    assert says(policy("trace_state", key="k", values=["v", "v2"]), [resource(span(state=state))]) is expected


def test_probabilistic_keeps_what_the_peer_keeps() -> None:
    """Known ids: FNV-1a over "default-hash-seed" and sixteen bytes."""
    many = [ONE] * 2000
    for percentage in (0.0, 100.0, 250.0, -3.0):
        wanted = sampling(policy("probabilistic", sampling_percentage=percentage))
        assert set(kept(wanted, *many)) == {percentage >= 100}
    quarter = np.array(kept(sampling(policy("probabilistic", sampling_percentage=25)), *many))
    half = np.array(kept(sampling(policy("probabilistic", sampling_percentage=50)), *many))
    assert 440 < quarter.sum() < 560
    assert (half | ~quarter).all(), "what is kept at a lower percentage is kept at a higher one"
    salted = np.array(kept(sampling(policy("probabilistic", sampling_percentage=25, hash_salt="x")), *many))
    assert (salted != quarter).any()

    def hashed(number: int) -> int:
        state = 0xCBF29CE484222325
        for byte in b"default-hash-seed" + trace_id(number):
            state = (state ^ byte) * 0x100000001B3 & ((1 << 64) - 1)
        return state

    assert quarter.tolist() == [hashed(number) <= ((1 << 64) - 1) // 4 for number in range(2000)]


def trace_of(count: int) -> Trace:
    return [resource(*(span() for _ in range(count)))]


def test_rate_limiting_is_a_bucket_that_begins_full_and_fills_with_time() -> None:
    wanted = sampling(policy("rate_limiting", spans_per_second=10))
    assert kept(wanted, *[trace_of(6)] * 4) == [True, True, True, False]  # twice the rate at once, by default
    assert kept(wanted, trace_of(2), trace_of(1)) == [True, False]  # a smaller one may still fit
    assert kept(wanted, trace_of(6), trace_of(5), now_ns=500_000_000) == [False, True]
    assert kept(wanted, *[trace_of(10)] * 3, now_ns=60_000_000_000) == [True, True, False]
    assert kept(sampling(policy("rate_limiting", spans_per_second=10, burst_capacity=5)), trace_of(6)) == [False]
    assert kept(sampling(policy("rate_limiting", spans_per_second=0)), trace_of(1)) == [False]


def test_bytes_limiting_counts_the_bytes_of_the_trace() -> None:
    size = int(columns([trace_of(3)]).size_bytes[0])
    assert size > 50
    assert kept(sampling(policy("bytes_limiting", bytes_per_second=1, burst_capacity=size)), trace_of(3)) == [True]
    assert kept(sampling(policy("bytes_limiting", bytes_per_second=1, burst_capacity=size - 1)), trace_of(3)) == [False]


ERRORS = {"name": "e", **policy("status_code", status_codes=["ERROR"])}
SLOW = {"name": "s", **policy("latency", threshold_ms=500)}
FAST, BAD, BOTH = [resource(span())], [resource(span(status=2))], [resource(span(1000, 2000, status=2))]


def test_and_or_not_and_drop() -> None:
    both = policy("and", and_sub_policy=[ERRORS, SLOW])
    assert kept(sampling(both), FAST, BAD, BOTH) == [False, False, True]
    neither = policy("not", not_sub_policy=ERRORS)
    assert kept(sampling(neither), FAST, BAD, BOTH) == [True, False, False]
    fast_errors = policy("and", and_sub_policy=[ERRORS, {"name": "n", **policy("not", not_sub_policy=SLOW)}])
    assert kept(sampling(fast_errors), FAST, BAD, BOTH) == [False, True, False]
    wanted = sampling({"type": "always_sample"}, policy("drop", drop_sub_policy=[ERRORS, SLOW]))
    verdicts = decide(wanted, columns([FAST, BAD, BOTH]))
    assert verdicts.sampled.tolist() == [True, True, False]
    assert [verdicts.policies[place].name for place in verdicts.policy] == ["p0", "p0", "p1"]


def test_an_and_asks_a_limit_only_of_what_passed_before_it() -> None:
    limit = {"name": "l", **policy("rate_limiting", spans_per_second=1, burst_capacity=2)}
    first = policy("and", and_sub_policy=[ERRORS, limit])
    assert kept(sampling(first), FAST, FAST, BAD, BAD, BAD) == [False, False, True, True, False]
    last = policy("and", and_sub_policy=[limit, ERRORS])
    assert kept(sampling(last), FAST, FAST, BAD, BAD, BAD) == [False] * 5


def composite(most: int, *shares: int) -> dict[str, Any]:
    subs = [ERRORS, SLOW, {"name": "a", "type": "always_sample"}]
    allocation = [{"policy": sub["name"], "percent": share} for sub, share in zip(subs, shares, strict=False)]
    return policy(
        "composite", max_total_spans_per_second=most, policy_order=["a", "e", "s"], composite_sub_policy=subs,
        rate_allocation=allocation,
    )  # fmt: skip


def test_composite_gives_each_policy_its_share_of_each_second() -> None:
    wanted = sampling(composite(10, 50, 20))
    slow = [resource(span(1000, 2000))]
    second = 1_000_000_000
    assert kept(wanted, *[BAD] * 6, now_ns=second) == [True] * 5 + [False]  # half of ten
    assert kept(wanted, *[slow] * 3, now_ns=second) == [True, True, False]  # a fifth
    assert kept(wanted, *[FAST] * 4, now_ns=second + second // 2) == [True] * 3 + [False]  # no share: an equal one
    assert kept(wanted, BAD, slow, FAST, now_ns=second + second // 2) == [False] * 3
    assert kept(wanted, BAD, slow, FAST, now_ns=2 * second) == [True] * 3


def test_a_trace_too_large_for_what_is_left_of_a_share_leaves_it_to_smaller_ones() -> None:
    wanted = sampling(composite(10, 50))
    three, large = trace_of(3), [resource(*(span(status=2) for _ in range(4)))]
    assert kept(wanted, large, large, BAD, three) == [True, False, True, True]


def test_of_several_that_sample_the_one_that_samples_most_is_named_then_the_first() -> None:
    half = {"name": "half", **policy("probabilistic", sampling_percentage=100.0)}
    verdicts = decide(sampling(half, ERRORS, SLOW), columns([BOTH]))
    assert verdicts.policies[int(verdicts.policy[0])].name == "half"  # 100 % is as much as always
    verdicts = decide(sampling({**half, **policy("probabilistic", sampling_percentage=99.9)}, ERRORS), columns([BOTH]))
    assert verdicts.policies[int(verdicts.policy[0])].name == "e"
    verdicts = decide(
        sampling(policy("probabilistic", sampling_percentage=99.9), ERRORS, sample_on_first_match=True), columns([BOTH])
    )
    assert verdicts.policies[int(verdicts.policy[0])].name == "p0"


def test_a_trace_that_is_too_large_is_dropped_whatever_policies_say() -> None:
    wanted = sampling({"type": "always_sample"}, maximum_trace_size_bytes=200)
    verdicts = decide(wanted, columns([trace_of(1), trace_of(20)]))
    assert verdicts.sampled.tolist() == [True, False]
    texts, place = verdicts.reasons()
    assert "maximum_trace_size_bytes" in texts[place[1]]
