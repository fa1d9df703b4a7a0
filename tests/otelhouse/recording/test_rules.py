"""Which rules stream, why others are refused, and which expressions a rule covers."""

from __future__ import annotations

from typing import Any

import pytest

from otelhouse.promql.building import build
from otelhouse.promql.printing import printed
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import Node, Recorded, children
from otelhouse.recording.cover import Covered, covered
from otelhouse.recording.groups import body, parse
from otelhouse.recording.rule import StreamRule
from otelhouse.rules.errors import InvalidRule


def document(*rules: dict[str, Any], **group: Any) -> dict[str, Any]:
    return {"groups": [{"name": "g", **group, "rules": list(rules)}]}


def rule(expr: str, **labels: str) -> StreamRule:
    (found,) = parse(document({"record": "r", "expr": expr, "labels": labels})).rules
    return found


@pytest.mark.parametrize(
    ("expr", "scale", "shift"),
    [
        ("sum(x)", 1, 0), ("-sum(x)", -1, 0), ("3 + sum(x)", 1, 3), ("sum(x) - 3", 1, -3), ("3 - sum(x)", -1, 3),
        ("sum(x) / 4", 0.25, 0), ("100 * (1 - avg(rate(x[5m])))", -100, 100), ("(min(x) + 1) * 2", 2, 2),
        ("-(max(x) - 1) / (2 * 2)", -0.25, 0.25), ("count by (a) (x > 0)", 1, 0), ("rate(x[5m]) * 8", 1, 0),
        ("group without (a) (x)", 1, 0), ("avg(quantile_over_time(0.9, x[1m]))", 1, 0),
        ("sum(2 ^ (rate(x[5m]) % 3))", 1, 0), ("sum(increase(x[5m]) > bool 0)", 1, 0),
    ],
)  # fmt: skip
def test_what_streams_is_an_aggregation_scaled_and_shifted(expr: str, scale: float, shift: float) -> None:
    found = rule(expr)
    assert (found.scale, found.shift) == (scale, shift)


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ("topk(5, x)", "'topk(5, x)' does not stream"),
        ("quantile(0.9, x)", "'quantile(0.9, x)' does not stream"),
        ("stddev(x)", "stddev of all series is not made of stddev of some"),
        ("sum(a) / sum(b)", "'sum(a) / sum(b)' does not stream"),
        ("1 / sum(x)", "'1 / sum(x)' does not stream: it divides by an aggregation"),
        ("sum(x) / 0", "it divides by zero"),
        ("sum(x) > 5", "'sum(x) > 5' does not stream"),
        ("sum(sum by (a) (x))", "'sum by (a) (x)' does not stream"),
        ("max_over_time(rate(x[5m])[1h:1m])", "max_over_time() is no function of the samples in a range"),
        ("sum(rate(x[5m] offset 1m))", "'x offset 1m' does not stream"),
        ("sum(x @ 100)", "'x @ 100.000' does not stream"),
        ('sum({job="a"})', "'{job=\"a\"}' does not stream: it does not name its metric"),
        ("sum(rate(x[2h]))", "'rate(x[2h])' does not stream: it looks back more than an hour"),
        ("sum(abs(x))", "'abs(x)' does not stream"),
        ("sum(quantile_over_time(scalar(y), x[1m]))", "an argument is no constant"),
        ("time()", "this is a scalar"),
        ("x[5m]", "this is a matrix"),
        ("sum(rate(", "unclosed left parenthesis"),
    ],
)
def test_what_does_not_stream_is_named_with_the_reason(expr: str, why: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        rule(expr)
    assert str(raised.value).startswith("groups[0].rules[0].expr: ")
    assert why in str(raised.value)


GOOD = {"record": "r", "expr": "sum(x)"}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (document({"alert": "a", "expr": "x"}), "groups[0].rules[0]: 'a' is an alerting rule"),
        (document({"expr": "x"}), "groups[0].rules[0]: 'record' is missing"),
        (document({**GOOD, "labels": {"__name__": "a"}}), "groups[0].rules[0].labels: '__name__' is no name"),
        (document(GOOD, interval="1"), "groups[0].interval: '1' is no duration from 1s to 1h"),
        (document(GOOD, interval="2h"), "groups[0].interval: '2h' is no duration from 1s to 1h"),
        (document(GOOD, query_offset="1h"), "groups[0].query_offset: '1h' is no duration up to 10m"),
        (document(GOOD, limt=3), "groups[0].limt: is no setting here"),
        (document(GOOD, GOOD), "groups[0].rules[1].record: 'r' with these labels is recorded twice"),
        (document(GOOD, {"record": "s", "expr": "sum(r)"}), "groups[0].rules[1].expr: 'r' is recorded itself"),
        ({"groups": [{"name": "g"}, {"name": "g"}]}, "groups: the group 'g' is there twice"),
        (document(*({"record": f"r{n}", "expr": "x"} for n in range(1001))), "groups: 1001 rules, 1000 are allowed"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        parse(wrong)
    assert str(raised.value).startswith(why)


def test_labels_of_a_rule_go_before_those_of_its_group() -> None:
    (found,) = parse(document({**GOOD, "labels": {"a": "2"}}, labels={"a": "1", "b": "1"})).rules
    assert found.labels == (("a", "2"), ("b", "1"))


def test_a_tenant_may_not_want_its_queries_rewritten() -> None:
    assert parse(document(GOOD)).rewrite
    assert not parse({**document(GOOD), "rewrite": False}).rewrite


def test_a_file_is_one_yaml_document() -> None:
    assert parse(body("groups: [{name: g, rules: [{record: r, expr: sum(x)}]}]")).rules[0].expr == "sum(x)"
    for text in ("- a", "groups: []\n---\ngroups: []"):
        with pytest.raises(InvalidRule, match="must be one YAML document"):
            body(text)


def test_the_id_of_a_rule_is_that_of_all_that_it_says() -> None:
    same = rule('sum by (b, a) (rate(x{c="d",e!="f"}[5m]))'), rule('sum by (a,b)(rate(x{e!="f", c="d"}[300s]))')
    assert same[0] == same[1]
    assert same[0].id == same[1].id
    others = [rule("sum(x)"), rule("sum(x)", a="b"), rule("sum(y)"), rule("sum(x) * 2")]
    slower = parse(document(GOOD, interval="30s")).rules[0]
    later = parse(document(GOOD, query_offset="30s")).rules[0]
    assert len({each.id for each in (*others, slower, later, same[0])}) == 7


def recorded(node: Node) -> list[tuple[str, str | None]]:
    """What is read as recorded, and how it is aggregated once more."""
    if isinstance(node, Recorded):
        assert isinstance(node.source, Covered)
        again = node.source.aggregate
        return [(printed(node.expr), None if again is None else printed(again))]
    return [found for child in children(node) for found in recorded(child)]


BY = "sum by (job, code) (rate(x[5m]))"
WITHOUT = "avg without (pod) (rate(x[5m]))"
PLAIN = "rate(x[5m]) * 8"


@pytest.mark.parametrize(
    ("rules", "query", "found"),
    [
        ([BY], "sum by (code, job) (rate(x[5m]))", [True]),
        ([BY], "topk(3, sum by (job, code) (rate(x[300s])) / 2)", [True]),
        ([BY], "sum by (job) (rate(x[5m])) > 3", [False]),
        ([BY], "sum(rate(x[5m])) / sum(rate(y[5m]))", [False]),
        ([BY], "max_over_time(sum(rate(x[5m]))[1h:1m])", [False]),
        ([BY], "sum by (pod) (rate(x[5m]))", []),
        ([BY], "sum without (code) (rate(x[5m]))", []),
        ([BY], "avg by (job) (rate(x[5m]))", []),
        ([BY], "sum(rate(x[1m]))", []),
        ([BY], "sum(rate(x[5m] offset 1m))", []),
        ([BY], 'sum(rate(x{a="b"}[5m]))', []),
        ([BY], 'sum(rate(x{job="b"}[5m]))', [False]),
        ([BY], 'sum by (job, code) (rate(x{code=~"5..", job!="b"}[5m]))', [True]),
        ([BY], 'sum(rate({__name__="x", __name__!="y"}[5m]))', []),
        ([BY], "sum(rate({__name__=~'x'}[5m]))", []),
        ([WITHOUT], 'avg without (pod) (rate(x{job="b"}[5m]))', [True]),
        ([WITHOUT], 'avg without (pod) (rate(x{pod="b"}[5m]))', []),
        ([PLAIN], 'rate(x{pod="b"}[5m]) * 8', [True]),
        (['sum by (job) (x{a="b"})'], "sum by (job) (x)", []),
        (['sum by (job) (x{a="b"})'], 'sum by (job) (x{a="b", job="c"})', [True]),
        ([BY], "sum by (job, code) (rate(x[5m]) > 0)", []),
        ([BY], "rate(x[5m])", []),
        ([WITHOUT], "avg(rate(x[5m]))", [False]),
        ([WITHOUT], "avg without (pod, job) (rate(x[5m]))", [False]),
        ([WITHOUT], "avg without (job) (rate(x[5m]))", []),
        ([WITHOUT], "avg by (pod) (rate(x[5m]))", []),
        ([WITHOUT], "avg by (job) (rate(x[5m]))", [False]),
        (["1 - " + WITHOUT], "avg by (job) (rate(x[5m])) * 100", [False]),
        ([PLAIN], "sum(rate(x[5m]) * 8)", [True]),
        (["last_over_time(x[5m])"], "sum(last_over_time(x[5m]))", []),
        (["x > 5"], "x > 5", []),
        (["count(x)"], "count(x)", [True]),
        ([], "sum(x)", []),
    ],
)
def test_a_rule_covers_what_it_records_and_what_can_be_made_of_that(
    rules: list[str], query: str, found: list[bool]
) -> None:
    tree = covered(build(query, Steps.at(0), Settings()), [rule(each) for each in rules])
    assert [again is None for _, again in recorded(tree)] == found


def test_of_several_rules_the_coarsest_is_read() -> None:
    rules = [rule("sum without (pod) (x)"), rule("sum by (a, b, c) (x)"), rule("sum by (a, b) (x)")]
    tree = covered(build("sum by (a) (x)", Steps.at(0), Settings()), rules)
    assert isinstance(tree, Recorded)
    assert isinstance(tree.source, Covered)
    assert tree.source.rule is rules[2]


@pytest.mark.parametrize(
    ("labels", "query", "found"),
    [({"team": "a"}, "sum by (job) (x)", 1), ({"job": "a"}, "sum by (job) (x)", 0), ({"team": "a"}, "sum(x)", 1)],
)
def test_labels_that_a_rule_adds_must_not_hide_others(labels: dict[str, str], query: str, found: int) -> None:
    tree = covered(build(query, Steps.at(0), Settings()), [rule("sum by (job) (x)", **labels)])
    assert len(recorded(tree)) == found


def test_another_look_back_is_another_expression() -> None:
    tree = build("sum(x) + sum(rate(x[5m]))", Steps.at(0), Settings())
    rules = [rule("sum(x)"), rule("sum(rate(x[5m]))")]
    assert [text for text, _ in recorded(covered(tree, rules, 60_000))] == ["sum(rate(x[5m]))"]


@pytest.mark.parametrize(
    "text",
    [
        "sum by (job) (rate(x[5m]))", "sum(x) / on (a) group_left (b) y", "-x", "(a + b) * c", "x offset -5m",
        'x{a!~"b.*", c="d\\"e"}[1h30m]', "max_over_time((a > bool 1)[1h:])", 'count_values("v", x)', "quantile(0.5, x)",
        "x @ 1500.250", 'label_replace(x, "a", "$1", "b", "(.*)")', '{__name__="a.b"}', "sum without () (x)",
        "a and ignoring (b) c", "vector(1e+06)",
    ],
)  # fmt: skip
def test_an_expression_s_text_reads_as_the_same_expression(text: str) -> None:
    tree = build(text, Steps.at(0), Settings())
    assert build(printed(tree), Steps.at(0), Settings()) == tree
