"""Policies and traces at random, from few enough names and values that they often meet."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.otelhouse.sampling.made import Trace, Value, policy, resource, span

_KEYS = ("n", "s", "b", "mixed")
_STATES = ("", "k=v", "a=b,k=w", "k=v,k=v", "K=v", "k=v2,x@y=z", "ot=th:8,k=v")
_VALUES: tuple[Value, ...] = (0, 1, 50, 100, -3, True, False, "a", "ab", "", "v1", 0.0, 50.0, None, b"a")
_CONDITIONS = (
    'attributes["n"] == 50', 'attributes["mixed"] != "a"', 'attributes["n"] >= 1 and attributes["b"] == true',
    'resource.attributes["s"] == "a" or name == "beta"', "status.code == STATUS_CODE_ERROR", "not (kind == 2)",
    'IsMatch(name, "^al")', 'attributes["mixed"] == nil', 'attributes["mixed"] < 60', "IsRootSpan()",
    "end_time_unix_nano - start_time_unix_nano > 300000000", 'IsMatch(attributes["mixed"], "a|1")',
    'attributes["s"] > "a"', 'attributes["b"] != nil', 'trace_state == "k=v"', "flags == 1",
    'attributes["n"] * 2 >= 100.0', 'IsString(attributes["mixed"])', 'scope.name == "lib"',
)  # fmt: skip
_EVENT_CONDITIONS = (
    'name == "exception"', 'attributes["exception.type"] == "retry"', 'span.name == "beta"', 'name != "retry"',
)  # fmt: skip


def trace(rng: random.Random) -> Trace:
    """One to three resources of one to three spans."""
    groups = rng.choice((1, 1, 1, 2, 3))
    return [resource(*(_span(rng) for _ in range(rng.randint(1, 3))), **_plain(rng)) for _ in range(groups)]


def _span(rng: random.Random) -> Any:
    start = rng.choice((0, 1000, 1000, 1100, 2000))
    return span(
        start, rng.choice((start, start + 1, start + 100, start + 500, start + 501, start + 1500, 0)),
        status=rng.choice((0, 0, 0, 1, 2)), events=rng.choice(((), (), ("exception",), ("retry", "exception"))),
        flags=rng.choice((0, 0, 1, 0x100, 0x101)), state=rng.choice(_STATES), name=rng.choice(("alpha", "beta", "")),
        parent=rng.choice((b"", b"p" * 8)), kind=rng.choice((0, 1, 2, 3)), **_plain(rng),
    )  # fmt: skip


def _plain(rng: random.Random) -> dict[str, Value]:
    return {key: rng.choice(_VALUES) for key in _KEYS if rng.random() < 0.3}


def policies(rng: random.Random) -> list[dict[str, Any]]:
    """One to four, none with a limit: the peer takes traces in no order that one could know."""
    made = []
    for place in range(rng.choice((1, 1, 2, 3, 4))):
        kind = rng.choice(("plain", "plain", "plain", "and", "not", "drop", "composite"))
        made.append({"name": f"p{place}", **_COMBINED[kind](rng)})
    return made


def _plain_policy(rng: random.Random) -> dict[str, Any]:
    return _PLAIN[rng.choice(list(_PLAIN))](rng)


def _named(rng: random.Random, most: int, inverse: bool) -> list[dict[str, Any]]:
    subs = []
    for place in range(rng.randint(1, most)):
        sub = _not(rng) if inverse and rng.random() < 0.2 else _plain_policy(rng)
        subs.append({"name": f"sub{place}", **sub})
    return subs


def _not(rng: random.Random) -> dict[str, Any]:
    return policy("not", not_sub_policy={"name": "inner", **_plain_policy(rng)})


def _composite(rng: random.Random) -> dict[str, Any]:
    subs = _named(rng, 3, inverse=False)
    shares = [{"policy": sub["name"], "percent": 30} for sub in subs]
    return policy(
        "composite", max_total_spans_per_second=10_000_000, composite_sub_policy=subs, rate_allocation=shares,
        policy_order=[sub["name"] for sub in subs],
    )  # fmt: skip


def _attribute(kind: str, rng: random.Random, **settings: Any) -> dict[str, Any]:
    return policy(kind, key=rng.choice(_KEYS), invert_match=rng.random() < 0.3, **settings)


_PLAIN: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "always_sample": lambda rng: {"type": "always_sample"} if rng.random() < 0.2 else policy("trace_flags"),
    # Never a bound that a duration meets: at the lower one v0.155 still samples, later versions do not.
    "latency": lambda rng: policy(
        "latency", threshold_ms=rng.choice((50, 250, 777, 1234)),
        upper_threshold_ms=rng.choice((0, 0, 500, 501, 1500)),
    ),
    "numeric": lambda rng: _attribute(
        "numeric_attribute", rng, min_value=rng.choice((-3, 1, 50)), max_value=rng.choice((0, 50, 100))
    ),
    "boolean": lambda rng: _attribute("boolean_attribute", rng, value=rng.random() < 0.5),
    "string": lambda rng: _attribute("string_attribute", rng, values=rng.sample(["a", "ab", "v1", "", "1", "50"], 2)),
    "pattern": lambda rng: _attribute(
        "string_attribute", rng, enabled_regex_matching=True,
        values=rng.sample(["^a", "b$", "v[0-9]", ".*", "x|a", "^$"], 2),
    ),
    "status": lambda rng: policy("status_code", status_codes=rng.sample(["OK", "ERROR", "UNSET"], rng.randint(1, 2))),
    "count": lambda rng: policy("span_count", min_spans=rng.randint(0, 4), max_spans=rng.choice((0, 2, 3, 5))),
    "state": lambda rng: policy(
        "trace_state", key=rng.choice(("k", "a", "x@y")), values=rng.sample(["v", "w", "z", "b"], 2)
    ),
    "share": lambda rng: policy(
        "probabilistic", hash_salt=rng.choice(("", "salt")),
        sampling_percentage=rng.choice((0, 0.1, 10, 33.3, 50, 99.9, 100)),
    ),
    "ottl": lambda rng: policy(
        "ottl_condition", error_mode="ignore", span=rng.sample(_CONDITIONS, rng.randint(1, 2)),
        spanevent=rng.sample(_EVENT_CONDITIONS, rng.choice((0, 0, 1))),
    ),
}  # fmt: skip
_COMBINED: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "plain": _plain_policy,
    "and": lambda rng: policy("and", and_sub_policy=_named(rng, 3, inverse=True)),
    "drop": lambda rng: policy("drop", drop_sub_policy=_named(rng, 2, inverse=True)),
    "not": _not,
    "composite": _composite,
}
