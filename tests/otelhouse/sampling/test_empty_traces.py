"""A trace that is only known by a vote has no spans: no policy fails on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from otelhouse.sampling.config import _ALL_TYPES
from otelhouse.sampling.decide import decide
from otelhouse.sampling.traces import Traces
from tests.otelhouse.sampling.made import columns, resource, sampling, span, trace_id

INNER = {"name": "e", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
SETTINGS: dict[str, Any] = {
    "latency": {"threshold_ms": 1},
    "numeric_attribute": {"key": "k", "min_value": 1},
    "boolean_attribute": {"key": "k", "value": False, "invert_match": True},
    "string_attribute": {"key": "k", "values": ["a"], "invert_match": True},
    "status_code": {"status_codes": ["UNSET"]},
    "trace_state": {"key": "k", "values": ["v"]},
    "span_count": {"min_spans": 1},
    "probabilistic": {"sampling_percentage": 100},
    "rate_limiting": {"spans_per_second": 5},
    "bytes_limiting": {"bytes_per_second": 5000},
    "ottl_condition": {"span": ['attributes["k"] == nil'], "spanevent": ['name != ""']},
    "and": {"and_sub_policy": [INNER]},
    "drop": {"drop_sub_policy": [INNER]},
    "not": {"not_sub_policy": INNER},
    "composite": {"max_total_spans_per_second": 5, "composite_sub_policy": [INNER]},
    "dynamic": {"fields": ["k"]},
}
KEPT = {
    "always_sample", "boolean_attribute", "string_attribute", "not", "probabilistic", "rate_limiting",
    "bytes_limiting",
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in _ALL_TYPES if kind != "dynamic"])
def test_a_policy_says_of_no_spans_what_it_says_of_none_that_match(kind: str) -> None:
    one = columns([[resource(span(status=2, end_ms=9000))]])
    ids = np.frombuffer(trace_id(7) + trace_id(0), np.uint8).reshape(2, 16)
    traces = Traces(one.scan, one.of_span + 1, ids, np.array([True, False]))
    verdicts = decide(sampling({"type": kind, kind: SETTINGS.get(kind, {})}), traces)
    assert verdicts.sampled[0] == (kind in KEPT | {"exemplar"})
    assert not verdicts.failed.any()
