"""The Collector's `tail_sampling` configuration, read as it is, with errors that name the user's key.

Source: processor/tailsamplingprocessor/config.go, v0.164.1. A whole Collector configuration, its block
`tail_sampling:`, or the block's body.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from otelhouse.rules.documents.re2 import pattern
from otelhouse.rules.documents.reading import choice, fields, flag, items, mapping, number, text
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.yaml_core import load_all
from otelhouse.sampling.ottl.compile import Ask, compiled
from otelhouse.sampling.ottl.parse import OttlError
from otelhouse.sampling.policies.always_sample import AlwaysSample
from otelhouse.sampling.policies.boolean_attribute import BooleanAttribute
from otelhouse.sampling.policies.combined import And, Drop, Not
from otelhouse.sampling.policies.composite import Composite, SubPolicy
from otelhouse.sampling.policies.dynamic import Dynamic
from otelhouse.sampling.policies.exemplar import LATE_BYTES, Exemplar
from otelhouse.sampling.policies.latency import Latency
from otelhouse.sampling.policies.limiting import Limiting, Unit
from otelhouse.sampling.policies.numeric_attribute import NumericAttribute
from otelhouse.sampling.policies.ottl_condition import OttlCondition
from otelhouse.sampling.policies.probabilistic import DEFAULT_SALT, Probabilistic
from otelhouse.sampling.policies.span_count import SpanCount
from otelhouse.sampling.policies.status_code import CODES, StatusCode
from otelhouse.sampling.policies.string_attribute import StringAttribute
from otelhouse.sampling.policies.trace_flags import TraceFlags
from otelhouse.sampling.policies.trace_state import TraceState
from otelhouse.sampling.policy import Policy

MOST_POLICIES = 1000
_MOST_VALUES = 10_000
_INT64 = (-(1 << 63), (1 << 63) - 1)
_INT32 = (-(1 << 31), (1 << 31) - 1)
_UINT64 = (1 << 64) - 1
_BLOCK = re.compile(r"tail_sampling(/.+)?")
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_ERROR_MODES = ("ignore", "propagate", "silent")


@dataclass(frozen=True)
class Named:
    """A policy of the list."""

    name: str
    type: str
    policy: Policy


@dataclass(frozen=True)
class TailSampling:
    """The block. Seconds; `max_trace_bytes` 0: no limit; the sizes of caches are in traces."""

    policies: tuple[Named, ...]
    decision_wait: float = 30.0
    decision_wait_after_root: float = 0.0
    num_traces: int = 50_000
    sampled_cache: int = 0
    non_sampled_cache: int = 0
    first_match: bool = False
    max_trace_bytes: int = 0


def parse_yaml(source: str) -> TailSampling:
    """A file's text. Raises InvalidRule."""
    return parse(_document(source))


def body(source: str) -> Mapping[str, object]:
    """The block's body alone, of a file's text in any of the three forms: what a rule's document holds.

    Raises InvalidRule if it is no valid block.
    """
    document = _document(source)
    parse(document)
    return _block(mapping(document, ""), "")[0]


def _document(source: str) -> object:
    documents = load_all(source)
    if len(documents) != 1:
        raise InvalidRule("", f"must be one YAML document, not {len(documents)}")
    return documents[0]


def parse(document: object) -> TailSampling:
    """A document, in any of the three forms. Raises InvalidRule."""
    body, path = _block(mapping(document, ""), "")
    known = ("policies", "decision_wait", "decision_wait_after_root_received", "num_traces", "decision_cache",
             "sample_on_first_match", "maximum_trace_size_bytes", "sampling_strategy", *_WITHOUT_EFFECT)  # fmt: skip
    found = fields(body, path, known, ("policies",))
    strategy = choice(found.get("sampling_strategy", "trace-complete"), f"{path}sampling_strategy", _STRATEGIES)
    if strategy != "trace-complete":
        raise InvalidRule(f"{path}sampling_strategy", "only trace-complete is supported: traces are decided as a whole")
    caches = fields(
        found.get("decision_cache") or {}, f"{path}decision_cache", ("sampled_cache_size", "non_sampled_cache_size")
    )
    policies = items(found["policies"], f"{path}policies", _named, MOST_POLICIES)
    for place, named in enumerate(policies):
        if named.name in (before.name for before in policies[:place]):
            raise InvalidRule(f"{path}policies[{place}].name", f"{named.name!r} is there twice")
    return TailSampling(
        policies,
        _seconds(found.get("decision_wait", "30s"), f"{path}decision_wait"),
        _seconds(found.get("decision_wait_after_root_received", "0s"), f"{path}decision_wait_after_root_received"),
        number(found.get("num_traces", 50_000), f"{path}num_traces", 0, _UINT64),
        number(caches.get("sampled_cache_size", 0), f"{path}decision_cache.sampled_cache_size", 0, _INT64[1]),
        number(caches.get("non_sampled_cache_size", 0), f"{path}decision_cache.non_sampled_cache_size", 0, _INT64[1]),
        flag(found.get("sample_on_first_match", False), f"{path}sample_on_first_match"),
        number(found.get("maximum_trace_size_bytes", 0), f"{path}maximum_trace_size_bytes", 0, _UINT64),
    )


_WITHOUT_EFFECT = ("expected_new_traces_per_sec", "block_on_overflow", "drop_pending_traces_on_shutdown", "num_shards")
"""Of the peer's process alone: how it allocates, and what it does with what it holds in memory."""
_STRATEGIES = ("trace-complete", "span-ingest")


def _block(document: Mapping[str, object], path: str) -> tuple[Mapping[str, object], str]:
    """The block's body, and its path with a dot behind it."""
    if "processors" in document and "policies" not in document:
        document, path = mapping(document["processors"], "processors"), "processors."
        blocks = [key for key in document if _BLOCK.fullmatch(key)]
        if not blocks:
            raise InvalidRule("processors", "has no tail_sampling")
    else:
        blocks = [key for key in document if _BLOCK.fullmatch(key)]
    if not blocks:
        return document, path
    if len(blocks) > 1:
        raise InvalidRule(f"{path}{blocks[1]}", f"is a second one beside {blocks[0]}")
    return mapping(document[blocks[0]], f"{path}{blocks[0]}"), f"{path}{blocks[0]}."


def _seconds(value: object, path: str) -> float:
    """Go's form of a duration, such as 1m30s; or nanoseconds as a number, as the Collector takes them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1e-9
    if not isinstance(value, str):
        raise InvalidRule(path, "must be a duration such as 10s")
    if value in ("0", "+0", "-0"):
        return 0.0
    parts = _DURATION.findall(value)
    if not parts or "".join(parts) != value.removeprefix("+"):
        raise InvalidRule(path, f"{value!r} is no duration such as 10s or 1m30s")
    seconds = 0.0
    for part in parts:
        unit = part.lstrip("0123456789.")
        seconds += float(part.removesuffix(unit)) * _UNITS[unit]
    return seconds


Settings = Mapping[str, object]
Build = Callable[[object, str], Policy]
"""(the settings under the type's name, their path) -> the policy."""


def _named(value: object, path: str) -> Named:
    return _policy(value, path, {**_SHARED, **_COMBINED, **_TOP})


def _policy(value: object, path: str, types: Mapping[str, Build]) -> Named:
    """One entry of a list of policies; settings of other types may stand there, and mean nothing."""
    found = fields(value, path, ("name", "type", *_ALL_TYPES), ("name", "type"))
    name = text(found["name"], f"{path}.name")
    kind = text(found["type"], f"{path}.type")
    if kind not in types:
        known = kind in _ALL_TYPES
        raise InvalidRule(
            f"{path}.type", f"{kind!r} {'is not possible here' if known else 'is no policy that we know'}"
        )
    return Named(name, kind, types[kind](found.get(kind) or {}, f"{path}.{kind}"))


def _strings(value: object, path: str) -> tuple[str, ...]:
    if value in (None, []):
        return ()
    return items(value, path, _string, _MOST_VALUES)


def _string(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidRule(path, "must be text")
    return value


def _int(found: Settings, key: str, path: str, bounds: tuple[int, int] = _INT64) -> int:
    return number(found.get(key, 0), f"{path}.{key}", *bounds)


def _always_sample(value: object, path: str) -> Policy:
    return AlwaysSample()


def _exemplar(value: object, path: str) -> Policy:
    found = fields(value, path, ("late_bytes_per_minute",))
    return Exemplar(
        number(found.get("late_bytes_per_minute", LATE_BYTES), f"{path}.late_bytes_per_minute", 0, _INT64[1])
    )


def _trace_flags(value: object, path: str) -> Policy:
    return TraceFlags()


def _latency(value: object, path: str) -> Policy:
    found = fields(value, path, ("threshold_ms", "upper_threshold_ms"))
    return Latency(_int(found, "threshold_ms", path), _int(found, "upper_threshold_ms", path))


def _numeric_attribute(value: object, path: str) -> Policy:
    found = fields(value, path, ("key", "min_value", "max_value", "invert_match"), ("key",))
    least, most = _int(found, "min_value", path), _int(found, "max_value", path)
    if not least and not most:
        raise InvalidRule(path, "min_value or max_value must be there (0 counts as not set, as with the Collector)")
    return NumericAttribute(
        _string(found["key"], f"{path}.key"), least or _INT64[0], most or _INT64[1], _invert(found, path)
    )


def _invert(found: Settings, path: str) -> bool:
    return flag(found.get("invert_match", False), f"{path}.invert_match")


def _probabilistic(value: object, path: str) -> Policy:
    found = fields(value, path, ("hash_salt", "sampling_percentage"))
    percentage = _finite(found.get("sampling_percentage", 0), f"{path}.sampling_percentage")
    return Probabilistic(percentage, _string(found.get("hash_salt", ""), f"{path}.hash_salt") or DEFAULT_SALT)


def _status_code(value: object, path: str) -> Policy:
    found = fields(value, path, ("status_codes",), ("status_codes",))
    codes = items(found["status_codes"], f"{path}.status_codes", lambda code, at: choice(code, at, CODES), 100)
    return StatusCode(tuple(CODES[code] for code in codes))


def _string_attribute(value: object, path: str) -> Policy:
    known = ("key", "values", "enabled_regex_matching", "cache_max_size", "invert_match")
    found = fields(value, path, known, ("key",))
    patterns = flag(found.get("enabled_regex_matching", False), f"{path}.enabled_regex_matching")
    _int(found, "cache_max_size", path)  # of the peer's way to match; ours looks at each distinct text once
    values = _strings(found.get("values"), f"{path}.values")
    if patterns:
        for place, each in enumerate(values):
            if each:
                pattern(each, f"{path}.values[{place}]")
    return StringAttribute(_string(found["key"], f"{path}.key"), values, patterns, _invert(found, path))


def _boolean_attribute(value: object, path: str) -> Policy:
    found = fields(value, path, ("key", "value", "invert_match"), ("key",))
    wanted = flag(found.get("value", False), f"{path}.value")
    return BooleanAttribute(_string(found["key"], f"{path}.key"), wanted, _invert(found, path))


def _trace_state(value: object, path: str) -> Policy:
    found = fields(value, path, ("key", "values"), ("key",))
    return TraceState(_string(found["key"], f"{path}.key"), _strings(found.get("values"), f"{path}.values"))


def _span_count(value: object, path: str) -> Policy:
    found = fields(value, path, ("min_spans", "max_spans"))
    return SpanCount(_int(found, "min_spans", path, _INT32), _int(found, "max_spans", path, _INT32))


def _limiting(unit: Unit, rate: str) -> Build:
    def build(value: object, path: str) -> Policy:
        found = fields(value, path, (rate, "burst_capacity"))
        a_second, burst = _int(found, rate, path), _int(found, "burst_capacity", path)
        return Limiting(unit, a_second, burst if burst > 0 else 2 * a_second)

    return build


def _ottl_condition(value: object, path: str) -> Policy:
    found = fields(value, path, ("error_mode", "span", "spanevent"))
    mode = choice(found.get("error_mode") or "silent", f"{path}.error_mode", _ERROR_MODES)
    of_spans = _conditions(found.get("span"), f"{path}.span", of_events=False)
    of_events = _conditions(found.get("spanevent"), f"{path}.spanevent", of_events=True)
    if not of_spans and not of_events:
        raise InvalidRule(path, "has no condition")
    return OttlCondition(of_spans, of_events, mode == "propagate")


def _conditions(value: object, path: str, of_events: bool) -> tuple[Ask, ...]:
    asks = []
    for place, source in enumerate(_strings(value, path)):
        try:
            asks.append(compiled(source, of_events))
        except OttlError as error:
            raise InvalidRule(f"{path}[{place}]", f"{source!r}: {error}") from None
    return tuple(asks)


def _subs(value: object, path: str, key: str, types: Mapping[str, Build]) -> Sequence[Named]:
    found = fields(value, path, (key,))
    if found.get(key) in (None, []):
        return ()
    return items(found[key], f"{path}.{key}", lambda each, at: _policy(each, at, types), MOST_POLICIES)


def _and(value: object, path: str) -> Policy:
    return And(tuple(sub.policy for sub in _subs(value, path, "and_sub_policy", {**_SHARED, "not": _not})))


def _drop(value: object, path: str) -> Policy:
    return Drop(tuple(sub.policy for sub in _subs(value, path, "drop_sub_policy", {**_SHARED, "not": _not})))


def _not(value: object, path: str) -> Policy:
    found = fields(value, path, ("not_sub_policy",), ("not_sub_policy",))
    return Not(_policy(found["not_sub_policy"], f"{path}.not_sub_policy", _SHARED).policy)


def _composite(value: object, path: str) -> Policy:
    known = ("max_total_spans_per_second", "policy_order", "composite_sub_policy", "rate_allocation")
    found = fields(value, path, known)
    _strings(found.get("policy_order"), f"{path}.policy_order")
    most = _int(found, "max_total_spans_per_second", path)
    subs: tuple[Named, ...] = ()
    if found.get("composite_sub_policy") not in (None, []):
        types = {**_SHARED, "and": _and}
        subs = items(
            found["composite_sub_policy"], f"{path}.composite_sub_policy", lambda each, at: _policy(each, at, types),
            MOST_POLICIES,
        )  # fmt: skip
    shares = _shares(found.get("rate_allocation"), f"{path}.rate_allocation")
    equal = most / len(subs) if subs else 0.0

    def spans(name: str) -> int:
        percent = shares.get(name, 0)
        return int(percent / 100 * most if percent > 0 else equal)

    return Composite(tuple(SubPolicy(sub.name, sub.policy, spans(sub.name)) for sub in subs), most)


def _dynamic(value: object, path: str) -> Policy:
    known = ("fields", "goal_sample_rate", "adjustment_interval", "weight", "age_out_value", "burst_multiple",
             "burst_detection_delay", "max_keys", "use_trace_length")  # fmt: skip
    found = fields(value, path, known, ("fields",))
    names = items(found["fields"], f"{path}.fields", _string, 50)
    if not names:
        raise InvalidRule(f"{path}.fields", "must name an attribute")
    weight = _fraction(found.get("weight", 0.5), f"{path}.weight")
    return Dynamic(
        names,
        number(found.get("goal_sample_rate", 10), f"{path}.goal_sample_rate", 1, 1_000_000),
        max(1, round(_seconds(found.get("adjustment_interval", "15s"), f"{path}.adjustment_interval") * 1e9)),
        weight,
        _fraction(found.get("age_out_value", weight), f"{path}.age_out_value"),
        _finite(found.get("burst_multiple", 2.0), f"{path}.burst_multiple"),
        number(found.get("burst_detection_delay", 3), f"{path}.burst_detection_delay", 0, 1000),
        number(found.get("max_keys", 500), f"{path}.max_keys", 0, 10_000),
        flag(found.get("use_trace_length", False), f"{path}.use_trace_length"),
    )


def _finite(value: object, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidRule(path, "must be a number")
    return float(value)


def _fraction(value: object, path: str) -> float:
    found = _finite(value, path)
    if not 0 < found < 1:
        raise InvalidRule(path, "must be between 0 and 1")
    return found


def _shares(value: object, path: str) -> dict[str, int]:
    if value in (None, []):
        return {}

    def read(each: object, at: str) -> tuple[str, int]:
        found = fields(each, at, ("policy", "percent"), ("policy",))
        return text(found["policy"], f"{at}.policy"), _int(found, "percent", at)

    return dict(items(value, path, read, MOST_POLICIES))


_SHARED: Mapping[str, Build] = {
    "always_sample": _always_sample,
    "latency": _latency,
    "numeric_attribute": _numeric_attribute,
    "probabilistic": _probabilistic,
    "status_code": _status_code,
    "string_attribute": _string_attribute,
    "boolean_attribute": _boolean_attribute,
    "trace_state": _trace_state,
    "trace_flags": _trace_flags,
    "span_count": _span_count,
    "rate_limiting": _limiting(Unit.SPANS, "spans_per_second"),
    "bytes_limiting": _limiting(Unit.BYTES, "bytes_per_second"),
    "ottl_condition": _ottl_condition,
    "exemplar": _exemplar,
}
"""Policies that may stand anywhere."""
_COMBINED: Mapping[str, Build] = {"and": _and, "not": _not, "drop": _drop}
_TOP: Mapping[str, Build] = {"composite": _composite, "dynamic": _dynamic}
"""Policies that may not stand in others."""
_ALL_TYPES = (*_SHARED, *_COMBINED, *_TOP)
