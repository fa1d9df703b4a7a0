"""What control rules change: bytes that the official library reads back as the edited request."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from schema.signal import Signal
from tests.ingest.control.run import SHOP, control, one, run
from tests.ingest.requests import Request, attribute, gauge, logs, metrics, span, traces

LONG = "x" * 300


def _spans() -> Request:
    first, second, third = span("GET /users/123"), span("GET /users/7/orders/9"), span("plain")
    first.attributes.extend(
        [
            attribute("url.path", "/users/123"),
            attribute("user.id", "Ada"),
            KeyValue(key="n", value=AnyValue(int_value=5)),
        ]
    )
    second.attributes.extend([attribute("url.path", "/users/7/orders/9"), attribute("user.email", LONG)])
    event = second.events.add(name="e")
    event.attributes.append(attribute("user.id", "Bob"))
    link = second.links.add(trace_id=b"l" * 16)
    link.attributes.append(attribute("user.id", "Eve"))
    request = traces(first, second, third)
    request.resource_spans[0].scope_spans[0].scope.attributes.append(attribute("team", "A"))
    return request


def _all_spans(message: Any) -> list[Any]:
    return list(message.resource_spans[0].scope_spans[0].spans)


def _texts(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


CASES = {
    "drop by key": (
        "{drop_attributes: {keys: [user.id]}}",
        [{"url.path": "/users/123", "n": 5}, {"url.path": "/users/7/orders/9", "user.email": LONG}, {}],
    ),
    "drop by glob": (
        "{drop_attributes: {keys: ['user.*']}}",
        [{"url.path": "/users/123", "n": 5}, {"url.path": "/users/7/orders/9"}, {}],
    ),
    "drop all": ("{drop_attributes: {keys: ['*']}}", [{}, {}, {}]),
    "rename": (
        "{rename_attribute: {key: url.path, to: http.target}}",
        [
            {"http.target": "/users/123", "user.id": "Ada", "n": 5},
            {"http.target": "/users/7/orders/9", "user.email": LONG},
            {},
        ],
    ),
    "rename never makes a second of a key": (
        "{rename_attribute: {key: user.id, to: n}}",
        [
            {"url.path": "/users/123", "user.id": "Ada", "n": 5},
            {"url.path": "/users/7/orders/9", "user.email": LONG},
            {},
        ],
    ),
    "replace": (
        r"{normalise: {keys: [url.path], regex: '/(users|orders)/\d+', replace: '/\1/{id}'}}",
        [
            {"url.path": "/users/{id}", "user.id": "Ada", "n": 5},
            {"url.path": "/users/{id}/orders/{id}", "user.email": LONG},
            {},
        ],
    ),
    "lower and truncate": (
        "{normalise: {keys: ['user.*', n], lower: true, truncate: 2}}",
        [
            {"url.path": "/users/123", "user.id": "ad", "n": 5},
            {"url.path": "/users/7/orders/9", "user.email": "xx"},
            {},
        ],
    ),
    "set": (
        "{set_attribute: {key: n, value: new}}",
        [
            {"url.path": "/users/123", "user.id": "Ada", "n": "new"},
            {"url.path": "/users/7/orders/9", "user.email": LONG, "n": "new"},
            {"n": "new"},
        ],
    ),
}


@pytest.mark.parametrize(("action", "expected"), CASES.values(), ids=CASES)
def test_attributes_of_spans(action: str, expected: list[dict[str, Any]]) -> None:
    result = one(Signal.TRACES, f"[{{name: r, signal: traces, action: {action}}}]", _spans())
    spans = _all_spans(result.sent["telemetry.traces"])
    assert [_texts(each.attributes) for each in spans] == expected
    untouched = _spans()
    for each, before in zip(spans, _all_spans(untouched), strict=True):
        del each.attributes[:], before.attributes[:]
        before.trace_id, before.span_id = each.trace_id, each.span_id
        assert each == before


@pytest.mark.parametrize("value", ["text", "", True, False, 7, -7, 2**62, 0.5])
def test_a_set_value_keeps_its_type(value: object) -> None:
    rule = {"name": "r", "signal": "logs", "action": {"set_attribute": {"key": "k", "value": value}}}
    result = one(Signal.LOGS, yaml.safe_dump([rule]), logs(LogRecord(body=AnyValue(string_value="a"))))
    record = result.sent["telemetry.logs"].resource_logs[0].scope_logs[0].log_records[0]
    assert _texts(record.attributes) == {"k": value}
    assert type(_texts(record.attributes)["k"]) is type(value)


@pytest.mark.parametrize(
    ("place", "find"),
    [
        ("events", lambda span, _: span.events[0].attributes),
        ("links", lambda span, _: span.links[0].attributes),
    ],
)
def test_attributes_of_events_and_links(place: str, find: Any) -> None:
    rules = f"[{{name: r, signal: traces, action: {{drop_attributes: {{in: {place}, keys: [user.id]}}}}}}]"
    spans = _all_spans(one(Signal.TRACES, rules, _spans()).sent["telemetry.traces"])
    assert not find(spans[1], None)
    assert _texts(spans[0].attributes)["user.id"] == "Ada"


def test_attributes_of_resource_and_scope_are_set_where_there_were_none() -> None:
    request = traces(span("a"))
    bare = request.resource_spans.add()
    bare.scope_spans.add().spans.append(span("b"))
    empty = request.resource_spans.add()
    empty.resource.SetInParent()
    empty.scope_spans.add(schema_url="s").scope.SetInParent()
    empty.scope_spans[0].spans.append(span("c"))
    rules = """
    - {name: a, signal: traces, action: {set_attribute: {in: resource, key: env, value: dev}}}
    - {name: b, signal: traces, action: {set_attribute: {in: scope, key: team, value: A}}}
    """
    sent = one(Signal.TRACES, rules, request).sent["telemetry.traces"]
    assert [_texts(each.resource.attributes) for each in sent.resource_spans] == [
        {"service.name": "shop", "env": "dev"},
        {"env": "dev"},
        {"env": "dev"},
    ]
    scopes = [scope for each in sent.resource_spans for scope in each.scope_spans]
    assert [(scope.scope.name, _texts(scope.scope.attributes)) for scope in scopes] == [
        ("tests", {"team": "A"}),
        ("", {"team": "A"}),
        ("", {"team": "A"}),
    ]
    assert [item.name for scope in scopes for item in scope.spans] == ["a", "b", "c"]


def test_a_resource_is_changed_only_where_the_rule_matches() -> None:
    request = traces(span("a"), service="cart")
    request.MergeFrom(traces(span("b"), service="checkout"))
    rules = """
    - name: r
      signal: traces
      match: {resource.service.name: cart}
      action: {drop_attributes: {in: resource, keys: [service.name]}}
    """
    sent = one(Signal.TRACES, rules, request).sent["telemetry.traces"]
    assert [_texts(each.resource.attributes) for each in sent.resource_spans] == [{}, {"service.name": "checkout"}]


def test_span_names_become_templates() -> None:
    rules = r"[{name: r, signal: traces, action: {rename: {regex: '/\d+', replace: '/{id}'}}}]"
    result = one(Signal.TRACES, rules, _spans())
    names = [each.name for each in _all_spans(result.sent["telemetry.traces"])]
    assert names == ["GET /users/{id}", "GET /users/{id}/orders/{id}", "plain"]


def test_one_metric_is_renamed() -> None:
    rules = "[{name: r, signal: metrics, match: {name: old}, action: {rename: {to: new.and.longer}}}]"
    result = one(Signal.METRICS, rules, metrics(gauge("old", 1, 2), gauge("older", 3)))
    made = result.sent["telemetry.metrics"].resource_metrics[0].scope_metrics[0].metrics
    assert [(each.name, len(each.gauge.data_points)) for each in made] == [("new.and.longer", 2), ("older", 1)]


def test_each_rule_sees_what_the_ones_before_left() -> None:
    rules = """
    - {name: lower, signal: traces, action: {normalise: {keys: [user.id], lower: true}}}
    - {name: no-ada, signal: traces, match: {attributes.user.id: ada}, action: deny}
    - {name: only-gets, signal: traces, match: {name: {prefix: GET}}, action: allow}
    - {name: none-left, signal: traces, match: {name: plain}, action: deny}
    - {name: rest, signal: traces, action: {rename: {to: rest}}}
    """
    result = one(Signal.TRACES, rules, _spans())
    assert [each.name for each in _all_spans(result.sent["telemetry.traces"])] == ["rest"]
    assert result.dropped == {"control:no-ada": 1, "control:only-gets": 1}


def test_what_is_routed_goes_to_its_topic_and_not_into_ours() -> None:
    rules = "[{name: r, signal: traces, match: {name: plain}, action: {route: {topic: plain-ones}}}]"
    sent = one(Signal.TRACES, rules, _spans()).sent
    assert {topic: [each.name for each in _all_spans(message)] for topic, message in sent.items()} == {
        "telemetry.traces": ["GET /users/123", "GET /users/7/orders/9"],
        "telemetry.traces.plain-ones": ["plain"],
    }


def test_rules_of_one_tenant_touch_no_other() -> None:
    other, third = type(SHOP)("other"), type(SHOP)("third")
    step = control(
        {
            SHOP: "[{name: r, signal: traces, action: {rename: {to: mine}}}]",
            other: "[{name: x, signal: traces, match: {name: b}, action: deny}, "
            "{name: y, signal: traces, action: {rename: {to: theirs}}}]",
        }
    )
    calls = [(SHOP, traces(span("a"))), (other, traces(span("b"), span("c"))), (third, traces(span("d")))]
    sent = run(Signal.TRACES, step, *calls, (SHOP, traces(span("e")))).sent["telemetry.traces"]
    names = [item.name for group in sent.resource_spans for scope in group.scope_spans for item in scope.spans]
    assert names == ["mine", "theirs", "d", "mine"]


def test_a_tenant_whose_topic_is_not_made_yet_is_refused_alone() -> None:
    other = type(SHOP)("other")
    rules = "[{name: r, signal: traces, action: {route: {topic: t}}}]"
    step = control({SHOP: rules}, want_topic=lambda topic, signal: False)
    result = run(Signal.TRACES, step, (SHOP, traces(span("a"))), (other, traces(span("b"))))
    assert list(result.batch.refused) == [0]
    assert [each.name for each in _all_spans(result.sent["telemetry.traces"])] == ["b"]


@pytest.mark.parametrize(
    ("rule", "left", "dropped"),
    [
        ("match: {attributes.n: '1'}, action: deny", {"a": ["0", "2"], "b": ["0"]}, 1),
        ("match: {attributes.n: '0'}, action: deny", {"a": ["1", "2"]}, 2),
        ("match: {name: a, attributes.n: {in: ['0', '1']}}, action: deny", {"a": ["2"], "b": ["0"]}, 2),
        ("match: {attributes.n: '0'}, action: allow", {"a": ["0"], "b": ["0"]}, 2),
        ("match: {attributes.none: {exists: false}}, action: deny", {}, 4),
        ("match: {attributes.n: {regex: '[5-9]'}}, action: deny", {"a": ["0", "1", "2"], "b": ["0"]}, 0),
    ],
)
def test_data_points_are_dropped_one_by_one_and_a_metric_without_any_goes(
    rule: str, left: dict[str, list[str]], dropped: int
) -> None:
    request = metrics(gauge("a", 1, 2, 3), gauge("b", 4))
    result = one(Signal.METRICS, f"[{{name: r, signal: metrics, {rule}}}]", request)
    groups = [group for message in result.sent.values() for group in message.resource_metrics]
    made = [each for group in groups for each in group.scope_metrics[0].metrics]
    texts = {each.name: [point.attributes[0].value.string_value for point in each.gauge.data_points] for each in made}
    assert texts == left
    assert result.dropped == ({"control:r": dropped} if dropped else {})
    kept = int(result.batch.weights[result.batch.keep].sum())
    assert kept + dropped == int(result.batch.received.sum()) == 4
