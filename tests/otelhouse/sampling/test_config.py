"""The Collector's YAML is read as it is; what cannot be is named by its key."""

from __future__ import annotations

import pytest

from otelhouse.rules.errors import InvalidRule
from otelhouse.sampling.config import parse_yaml

BODY = "policies: [{name: a, type: always_sample}]"


def one(kind: str, settings: str = "", more: str = "") -> str:
    """A block of one policy."""
    told = f", {kind}: {settings}" if settings else ""
    return f"policies: [{{name: a, type: {kind}{told}}}{', ' + more if more else ''}]"


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "tail_sampling: {policies: [{name: a, type: always_sample}]}",
        "tail_sampling/second: {policies: [{name: a, type: always_sample}]}",
        "receivers: {otlp: }\nprocessors: {batch: , tail_sampling: {policies: [{name: a, type: always_sample}]}}\n",
    ],
)
def test_three_forms_are_one(text: str) -> None:
    assert [(named.name, named.type) for named in parse_yaml(text).policies] == [("a", "always_sample")]


def test_settings_of_the_block_and_their_defaults() -> None:
    plain = parse_yaml(BODY)
    assert (plain.decision_wait, plain.num_traces, plain.first_match) == (30.0, 50_000, False)
    found = parse_yaml(
        f"decision_wait: 1m30.5s\ndecision_wait_after_root_received: 500ms\nnum_traces: 100\n"
        f"expected_new_traces_per_sec: 10\n"
        f"decision_cache: {{sampled_cache_size: 5, non_sampled_cache_size: 6}}\nsample_on_first_match: true\n"
        f"maximum_trace_size_bytes: 1000\nsampling_strategy: trace-complete\nnum_shards: 2\n{BODY}\n"
    )
    assert (found.decision_wait, found.decision_wait_after_root, found.num_traces) == (90.5, 0.5, 100)
    assert (found.sampled_cache, found.non_sampled_cache) == (5, 6)
    assert (found.first_match, found.max_trace_bytes) == (True, 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one YAML document"),
        ("processors: {batch: }", "processors: has no tail_sampling"),
        ("policies: []", "policies: must be a list"),
        ("policies: [{name: a, type: nonsense}]", r"policies\[0\].type: 'nonsense' is no policy"),
        ("policies: [{type: always_sample}]", r"policies\[0\].name: is missing"),
        (one("always_sample", more="{name: a, type: trace_flags}"), r"policies\[1\].name: 'a' is there twice"),
        (one("latency", "{treshold_ms: 5}"), r"policies\[0\].latency.treshold_ms: unknown"),
        (one("latency", "{threshold_ms: 5s}"), r"latency.threshold_ms: must be a whole number"),
        (one("numeric_attribute", "{key: x}"), "min_value or max_value"),
        (one("status_code", "{status_codes: [BAD]}"), r"status_codes\[0\]: must be one of"),
        (one("string_attribute", "{key: k, values: ['('], enabled_regex_matching: true}"),
         r"string_attribute.values\[0\]: "),
        (one("and", "{and_sub_policy: [{name: b, type: composite}]}"),
         r"and_sub_policy\[0\].type: 'composite' is not possible here"),
        (one("ottl_condition", "{span: ['Foo() == 1']}"),
         r"ottl_condition.span\[0\]: 'Foo\(\) == 1': the function Foo is not supported"),
        (one("ottl_condition", "{}"), "has no condition"),
        ("sampling_strategy: span-ingest\n" + BODY, "sampling_strategy: only trace-complete"),
        ("decision_wait: soon\n" + BODY, "decision_wait: 'soon' is no duration"),
        ("tail_sampling: {decision_wait: x, policies: [{name: a, type: latency}]}", "tail_sampling.decision_wait: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_key(text: str, said: str) -> None:
    with pytest.raises(InvalidRule, match=said):
        parse_yaml(text)
