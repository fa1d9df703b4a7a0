"""What the library's parser cannot read but Prometheus can, and the reverse; all was tried on Prometheus 3.5.3."""

from __future__ import annotations

import pytest

from otelhouse.promql.building import build
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import Matcher, MatchType
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import Invariant, Node, Number, Range, Select, String, Subquery

AT = Steps(1_000, 5_000, 1_000)
A = (Matcher("__name__", MatchType.EQUAL, "a"),)
B = (*A, Matcher("b", MatchType.REGEX, "x"))


def built(text: str) -> Node:
    found = build(text, AT, Settings())
    return found.expr if isinstance(found, Invariant) else found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", 1000), ("1_000.5", 1000.5), ("1_0e3", 10_000), ("1e1_0", 1e10), (".5_5", 0.55), ("0x_1", 1),
        ("0x1_F", 31), ("017", 15), ("08", 8), ("0x1f", 31), (".5", 0.5), ("5.", 5), ("1h30m", 5_400), ("1ms", 0.001),
        ("+Inf", float("inf")), ("iNf", float("inf")), ("1 # a comment", 1),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    assert built(text) == Number(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\nb\\x41\\u65e5"', "a\nbA日"), ("'it\\'s'", "it's"), ("`a\\d\"b`", 'a\\d"b'), ('"#"', "#"),
        ('"日本"', "日本"),
    ],
)  # fmt: skip
def test_strings(text: str, value: str) -> None:
    assert built(text) == String(value)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a offset 0s", Select(A)),
        ("a offset -0s offset 5m", Select(A, 300_000)),
        ("a offset (5m)", Select(A, 300_000)),
        ("a offset -(5m + 1m)", Select(A, -360_000)),
        ("a offset 1.5", Select(A, 1_500)),
        ("a OFFSET -1_0", Select(A, -10_000)),
        ("a offset 2y", Select(A, 2 * 365 * 86_400_000)),
        ("a @ -5", Select(A, 0, -5_000)),
        ("a @ - 0.0015", Select(A, 0, -2)),
        ("a @ 1_000", Select(A, 0, 1_000_000)),
        ("a @ 1e9 offset 1m", Select(A, 60_000, 10**12)),
        ("a @ start()", Select(A, 0, 1_000)),
        ("a offset 1m @ end()", Select(A, 60_000, 5_000)),
        ("a[5m+1m]", Range(Select(A), 360_000)),
        ("a[(2 ^ 3) * 1s % 5s]", Range(Select(A), 3_000)),
        ("a[-5m + 10m]", Range(Select(A), 300_000)),
        ("a[1_000]", Range(Select(A), 1_000_000)),
        ("a[1y1ms]", Range(Select(A), 365 * 86_400_000 + 1)),
        ("a[5m:]", Subquery(Select(A), 300_000, None)),
        ("a[5m:1m+30s]", Subquery(Select(A), 300_000, 90_000)),
        ("a[5m:0.5] offset -1m @ 7", Subquery(Select(A), 300_000, 500, -60_000, 7_000)),
        ('a{b=~"x"}', Select(B)),
        ("a{b=~`x`,}", Select(B)),
        ('{"a", b=~"x"}', Select(B)),
        ('a{b=~"\\\\Qx.y\\\\E"}', Select((*A, Matcher("b", MatchType.REGEX, "\\Qx.y\\E")))),
        ('a{b!~`\\d`}', Select((*A, Matcher("b", MatchType.NOT_REGEX, "\\d")))),
        ("a{b!~'.+'}", Select((*A, Matcher("b", MatchType.NOT_REGEX, ".+")))),
        ('{"my.metric"}', Select((Matcher("__name__", MatchType.EQUAL, "my.metric"),))),
        ('{"a b"="c"}', Select((Matcher("a b", MatchType.EQUAL, "c"),))),
        ("offset", Select((Matcher("__name__", MatchType.EQUAL, "offset"),))),
        ("offset offset 5m", Select((Matcher("__name__", MatchType.EQUAL, "offset"),), 300_000)),
        ("sum", Select((Matcher("__name__", MatchType.EQUAL, "sum"),))),
        ("anchored", Select((Matcher("__name__", MatchType.EQUAL, "anchored"),))),
        ("smoothed{}", Select((Matcher("__name__", MatchType.EQUAL, "smoothed"),))),
        ('anchored{b=~"x"}', Select((Matcher("__name__", MatchType.EQUAL, "anchored"), B[1]))),
        ("fill", Select((Matcher("__name__", MatchType.EQUAL, "fill"),))),
        ("by", Select((Matcher("__name__", MatchType.EQUAL, "by"),))),
        ("a:b", Select((Matcher("__name__", MatchType.EQUAL, "a:b"),))),
    ],
)  # fmt: skip
def test_selectors(text: str, node: Node) -> None:
    assert built(text) == node


@pytest.mark.parametrize(
    "text",
    [
        "offset + 1", "sum by (anchored, fill) (a{smoothed=\"b\"})", "sum by (a:b, `c`, \"d e\", on, bool,) (a)",
        "a + on(sum) group_left(by) b", "and and and",
        "SUM(a) BY (b)", "a AND b", "1 == BOOL 1", "a Unless b", "a @ START() offset 1m", "a \t\n",
        "# c\na # d\n + b",
    ],
)  # fmt: skip
def test_read(text: str) -> None:
    built(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1__0", "bad number"), ("1_", "bad number"), ("0x1p3", "."), ("5_0m", "."), ("0b1", "bad number"),
        ("a[0s]", "greater than 0"), ("a[1m-1m]", "greater than 0"), ("a[5m:0]", "greater than 0"),
        ("a[5m/0]", "division by zero"), ("a[1m1h]", "."), ("a offset", "."), ("a @", "."),
        ("a @ --5", "."), ("a @ (5)", "."), ("a @ NaN", "out of bounds"), ("a @ -Inf", "."),
        ("a @ 1e30", "out of bounds"),
        ("a offset 1m offset 2m", "multiple times"), ("a @ 1 @ 2", "multiple times"),
        ('a{b=~"("}', "regexp"), ('a{b=~"a++"}', "regexp"), ('a{b=~"a{1001}"}', "regexp"), ('a{b=~"\\\\C"}', "regexp"),
        ('a{b=~"(?=a)"}', "regexp"), ('{b=~".*"}', "non-empty"), ('{b!~".+"}', "non-empty"), ("{}", "non-empty"),
        ('{b=~"a|"}', "non-empty"), ('{b=""}', "non-empty"), ('a{"b"}', "twice"), ('a{b="c" or d="e"}', "or"),
        ("sum by (\"\") (a)", "label name"), ("1 == 1", "BOOL"), ("a + bool b", "bool"), ("1 and 1", "set operator"),
        ("a and 1", "set operator"), ("rate(a)", "range vector|matrix"), ("sum(a[5m])", "vector"),
        ("a[5m] + 1", "binary"),
        ("\"a\" + 1", "binary"), ("abs()", "argument"), ("nope(a)", "unknown function"), ("step()", "unknown function"),
        ("a[5m][5m]", "range"), ("1[5m:]", "subquery"), ("sum(a) offset 5m", "offset"), ("", "no expression"),
        ("mad_over_time(a[5m])", "not enabled"), ("limitk(1, a)", "experimental"), ("info(a)", "not enabled"),
        ("a + on(b) group_left(b) c", "at once"), ("1 + on(b) a", "matching only allowed"), ("a.b", "."),
        ("$a", "."), ("a + fill(0) b", "unknown function"),
        ("a[5m] anchored", "."), ("a smoothed", "."),
    ],
)  # fmt: skip
def test_refused(text: str, why: str) -> None:
    with pytest.raises(PromQLError, match=why):
        built(text)


@pytest.mark.parametrize(
    "text",
    ["(" * 100_000 + "a" + ")" * 100_000, "-" * 100_000 + "a", "+".join("a" * 100_000), " or ".join("a" * 2_000)],
)
def test_what_nests_too_deep_is_refused_instead_of_ending_the_process(text: str) -> None:
    with pytest.raises(PromQLError, match=r"deep|words and signs"):
        built(text)
