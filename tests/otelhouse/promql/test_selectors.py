"""Which series an expression asks about. Prometheus, "Querying basics": instant vector selectors."""

from __future__ import annotations

import pytest

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.selectors import Matcher, MatchType, selectors

E, NE, RE, NRE = MatchType.EQUAL, MatchType.NOT_EQUAL, MatchType.REGEX, MatchType.NOT_REGEX


def named(name: str) -> Matcher:
    return Matcher("__name__", E, name)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", [(named("up"),)]),
        ('up{a="1",b!="2"}', [(named("up"), Matcher("a", E, "1"), Matcher("b", NE, "2"))]),
        ('up{c=~"x.*",d!~"y"}', [(named("up"), Matcher("c", RE, "x.*"), Matcher("d", NRE, "y"))]),
        ('{__name__="up"}', [(named("up"),)]),
        ('{"my.metric"}', [(named("my.metric"),)]),
        ("rate(a[5m])", [(named("a"),)]),
        ("sum by (x) (rate(a[5m])) / on(x) group_left b", [(named("a"),), (named("b"),)]),
        ("a + a", [(named("a"),)]),
        ("topk(scalar(k), -(a))", [(named("a"),), (named("k"),)]),
        ("max_over_time(rate(a[1m])[5m:30s] offset 1m)", [(named("a"),)]),
        ("histogram_quantile(0.9, sum(rate(a_bucket[5m])) by (le))", [(named("a_bucket"),)]),
        ("1 + 1", []),
    ],
)  # fmt: skip
def test_all_selectors_are_found(query: str, expected: list[tuple[Matcher, ...]]) -> None:
    assert selectors(query) == expected


@pytest.mark.parametrize(
    ("query", "why"), [("rate(a[5m]", "."), ("{}", "at least one"), ('{a="1" or b="2"}', "'or'"), ("", ".")]
)
def test_what_cannot_be_read_says_why(query: str, why: str) -> None:
    with pytest.raises(PromQLError, match=why):
        selectors(query)
