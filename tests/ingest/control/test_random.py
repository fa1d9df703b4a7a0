"""Random requests under random rules: what the official library reads back is what a plain program makes of them."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schema.signal import Signal
from tests.ingest.control.run import one
from tests.ingest.requests import span, traces

KEYS = ["a", "b", "user.id", "user.name", ""]
TEXTS = ["", "x", "Xy1", "/users/12", "é" * 70, "long" * 60]

values = st.one_of(
    st.sampled_from(TEXTS).map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**40), 2**40).map(lambda number: AnyValue(int_value=number)),
    st.booleans().map(lambda flag: AnyValue(bool_value=flag)),
    st.just(AnyValue()),
)
attributes = st.lists(
    st.builds(lambda key, value: KeyValue(key=key, value=value), st.sampled_from(KEYS), values), max_size=4
)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    made = span(draw(st.sampled_from(["GET /1", "POST", "other"])))
    made.attributes.extend(draw(attributes))
    for _ in range(draw(st.integers(0, 2))):
        made.events.add(name="e").attributes.extend(draw(attributes))
    return made


places = st.sampled_from(["attributes", "events"])
keys = st.lists(st.sampled_from([*KEYS[:4], "user.*", "?"]), min_size=1, max_size=2)
actions = st.one_of(
    st.builds(lambda place, keys: {"drop_attributes": {"in": place, "keys": keys}}, places, keys),
    st.builds(
        lambda place, keys: {
            "normalise": {"in": place, "keys": keys, "regex": "[0-9]+", "replace": "{n}", "truncate": 9}
        },
        places,
        keys,
    ),
    st.builds(
        lambda place, key, to: {"rename_attribute": {"in": place, "key": key, "to": to}},
        places,
        st.sampled_from(KEYS[:4]),
        st.sampled_from([*KEYS[:4], "new"]),
    ),
    st.builds(lambda key: {"set_attribute": {"key": key, "value": "set"}}, st.sampled_from([*KEYS[:4], "new"])),
    st.just({"rename": {"regex": "[0-9]+", "replace": "{n}"}}),
    st.just("deny"),
)
matches = st.sampled_from([{}, {"name": {"prefix": "GET"}}, {"attributes.a": {"exists": True}}])
rules = st.lists(st.tuples(matches, actions), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(spans(), min_size=1, max_size=5), rules)
def test_the_same_as_a_program_over_objects(given_spans: list[Span], given_rules: list[Any]) -> None:
    document = [
        {"name": f"r{place}", "signal": "traces", "match": match, "action": action}
        for place, (match, action) in enumerate(given_rules)
    ]
    result = one(Signal.TRACES, yaml.safe_dump(document), traces(*given_spans))
    expected = list(given_spans)
    for match, action in given_rules:
        expected = [made for each in expected if (made := _applied(each, match, action)) is not None]
    sent = [group for message in result.sent.values() for group in message.resource_spans]
    assert [each for group in sent for each in group.scope_spans[0].spans] == expected


def _applied(span: Span, match: dict[str, Any], action: Any) -> Span | None:
    if "name" in match and not span.name.startswith("GET"):
        return span
    if "attributes.a" in match and all(each.key != "a" for each in span.attributes):
        return span
    if action == "deny":
        return None
    made = Span.FromString(span.SerializeToString())
    ((verb, what),) = action.items()
    if verb == "rename":
        made.name = re.sub("[0-9]+", "{n}", made.name)
        return made
    owners: list[Any] = list(made.events) if what.get("in") == "events" else [made]
    for owner in owners:
        _change(owner, verb, what)
    return made


def _change(owner: Any, verb: str, what: dict[str, Any]) -> None:
    every = list(owner.attributes)
    if verb == "set_attribute":
        first = next((each for each in owner.attributes if each.key == what["key"]), None)
        new = KeyValue(key=what["key"], value=AnyValue(string_value=what["value"]))
        if first is None:
            owner.attributes.append(new)
        else:
            first.CopyFrom(new)
    elif verb == "rename_attribute":
        first = next((each for each in every if each.key == what["key"]), None)
        if first is not None and all(each.key != what["to"] for each in every):
            first.key = what["to"]
    else:
        fits = [any(fnmatchcase(each.key, key) for key in what["keys"]) for each in every]
        if verb == "drop_attributes":
            del owner.attributes[:]
            owner.attributes.extend(each for each, fit in zip(every, fits, strict=True) if not fit)
            return
        for each, fit in zip(owner.attributes, fits, strict=True):
            if fit and each.value.HasField("string_value"):
                each.value.string_value = re.sub("[0-9]+", "{n}", each.value.string_value)[:9]
