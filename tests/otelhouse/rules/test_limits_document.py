"""What a document of limits may say, and what is said about one that may not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from otelhouse.rules.documents.limits import SignalLimits, in_force, parse
from otelhouse.rules.errors import InvalidRule
from schema.signal import Signal

DEFAULTS = SignalLimits(1000, 100, 5, 8)


def test_what_is_not_named_is_as_the_operator_set_it() -> None:
    assert in_force(parse({}), Signal.LOGS, DEFAULTS) == DEFAULTS
    document = parse({"logs": {"items_per_second": 7}, "traces": {}})
    assert in_force(document, Signal.LOGS, DEFAULTS) == SignalLimits(1000, 7, 5, 8)
    assert in_force(document, Signal.TRACES, DEFAULTS) == in_force(document, Signal.METRICS, DEFAULTS) == DEFAULTS


def test_null_is_no_limit() -> None:
    document = parse({"metrics": {"bytes_per_second": None, "items_per_second": None, "concurrent_requests": None}})
    found = in_force(document, Signal.METRICS, DEFAULTS)
    assert found == SignalLimits(math.inf, math.inf, 5, math.inf)
    assert found.is_unlimited()
    assert not in_force(parse({"metrics": {"bytes_per_second": None}}), Signal.METRICS, DEFAULTS).is_unlimited()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"spans": {}}, "spans: is no setting here"),
    ({"logs": 5}, "logs: "),
    ({"logs": {"per_second": 5}}, "logs.per_second: is no setting here"),
    ({"logs": {"bytes_per_second": 0}}, "logs.bytes_per_second: "),
    ({"logs": {"bytes_per_second": -1}}, "logs.bytes_per_second: "),
    ({"logs": {"bytes_per_second": "5"}}, "logs.bytes_per_second: "),
    ({"logs": {"items_per_second": True}}, "logs.items_per_second: "),
    ({"logs": {"items_per_second": 1e16}}, "logs.items_per_second: "),
    ({"logs": {"burst_seconds": 0}}, "logs.burst_seconds: "),
    ({"logs": {"burst_seconds": None}}, "logs.burst_seconds: "),
    ({"logs": {"concurrent_requests": 1.5}}, "logs.concurrent_requests: "),
    ({"logs": {"concurrent_requests": 0}}, "logs.concurrent_requests: "),
]


@pytest.mark.parametrize(("document", "complaint"), WRONG)
def test_what_must_not_be_said_is_refused_by_its_place(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        parse(document)
    assert str(caught.value).startswith(complaint)
