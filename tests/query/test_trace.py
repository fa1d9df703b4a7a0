"""One trace, with everything OTLP said of its spans and logs."""

from __future__ import annotations

import pytest

from tests.query.house import NOW, Tenant
from tests.support.rows import SECOND, Event, Link, LogData, SpanData

GET = """query($id: ID!) { trace(id: $id) { id start durationMs spanCount errorCount services root { spanId }
  spans { traceId spanId parentId name kind service start end durationNs status statusMessage attributes resource scope
    events { time name attributes } links { traceId spanId traceState attributes } adjustedCount }
  logs { time observedTime severityNumber severityText body service traceId spanId attributes resource } } }"""
ROOT = "query($id: ID!) { trace(id: $id) { root { spanId } } }"
ID = "0123456789abcdef" * 2
DAY = 86_400 * SECOND


def span_id(number: int) -> str:
    return f"{number:016x}"


def test_a_span_comes_back_as_it_was_sent(tenant: Tenant) -> None:
    tenant.rows.spans(
        SpanData(
            ID,
            span_id(2),
            NOW + 1,
            1_500_000_001,
            span_id(1),
            name="charge",
            service="payment",
            kind=3,
            status=2,
            status_message="declined",
            adjusted_count=2.5,
            attributes={
                "s": "3",
                "i": 3,
                "f": 0.5,
                "b": False,
                "list": [1, "x", None],
                "map": {"a": {"b": 1}},
                "e": "",
            },
            resource={"service.version": "1.4.2", "cpus": 8},
            scope_name="lib",
            scope={"short": True},
            events=(Event("retry", NOW + 2, {"n": 1}), Event("gave up", NOW + 3)),
            links=(Link("ab" * 16, "cd" * 8, {"why": "batch"}),),
        ),
        SpanData(ID, span_id(1), NOW, 3_000_000_000, service="web", kind=2),
    )
    trace = tenant.ask(GET, id=ID)
    root, charge = trace.pop("spans")
    assert trace == {
        "id": ID,
        "start": "2025-06-15T15:06:40Z",
        "durationMs": 3000.0,
        "spanCount": 2,
        "errorCount": 1,
        "services": ["web", "payment"],
        "root": {"spanId": span_id(1)},
        "logs": [],
    }
    assert (root["parentId"], root["kind"], root["statusMessage"], root["events"]) == (None, "SERVER", None, [])
    assert charge == {
        "traceId": ID,
        "spanId": span_id(2),
        "parentId": span_id(1),
        "name": "charge",
        "kind": "CLIENT",
        "service": "payment",
        "start": "2025-06-15T15:06:40.000000001Z",
        "end": "2025-06-15T15:06:41.500000002Z",
        "durationNs": 1_500_000_001,
        "status": "ERROR",
        "statusMessage": "declined",
        "attributes": {"s": "3", "i": 3, "f": 0.5, "b": False, "list": [1, "x", None], "map": {"a": {"b": 1}}, "e": ""},
        "resource": {"service.name": "payment", "service.version": "1.4.2", "cpus": 8},
        "scope": {"name": "lib", "version": "", "attributes": {"short": True}},
        "events": [
            {"time": "2025-06-15T15:06:40.000000002Z", "name": "retry", "attributes": {"n": 1}},
            {"time": "2025-06-15T15:06:40.000000003Z", "name": "gave up", "attributes": {}},
        ],
        "links": [{"traceId": "ab" * 16, "spanId": "cd" * 8, "traceState": "", "attributes": {"why": "batch"}}],
        "adjustedCount": 2.5,
    }


def test_the_logs_of_a_trace_come_with_it_by_time(tenant: Tenant) -> None:
    tenant.rows.spans(SpanData(ID, span_id(1), NOW))
    tenant.rows.logs(
        LogData(NOW + DAY // 2, "late", ID, span_id(1), 17, "ERROR", "cart", NOW, {"sku": "A-1", "n": 2}),
        LogData(NOW - 5, {"event": ["start"]}, ID, severity_text="", resource={"zone": "b"}),
        LogData(NOW, "another trace's", "ff" * 16),
    )
    early, late = tenant.ask(GET, id=ID)["logs"]
    assert late == {
        "time": "2025-06-16T03:06:40Z",
        "observedTime": "2025-06-15T15:06:40Z",
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": "late",
        "service": "cart",
        "traceId": ID,
        "spanId": span_id(1),
        "attributes": {"sku": "A-1", "n": 2},
        "resource": {"service.name": "cart"},
    }
    assert early["body"] == {"event": ["start"]}
    assert early["resource"] == {"service.name": "shop", "zone": "b"}
    assert (early["observedTime"], early["severityText"], early["spanId"]) == (None, None, None)


@pytest.mark.parametrize(
    ("parents", "root"),
    [
        ({1: 0}, 1),
        ({1: 2, 2: 0, 3: 2}, 2),  # the span without a parent, though another began before
        ({1: 2, 2: 9, 3: 8}, 2),  # no such span (yet): the first whose parent is not here
        ({1: 2, 2: 1}, 1),  # a circle: the first
        ({1: 9, 2: 0}, 2),
    ],
)
def test_a_trace_has_a_root_whatever_its_parents_say(tenant: Tenant, parents: dict[int, int], root: int) -> None:
    tenant.rows.spans(
        *(SpanData(ID, span_id(span), NOW + span, parent_id=span_id(parent)) for span, parent in parents.items())
    )
    assert tenant.ask(ROOT, id=ID) == {"root": {"spanId": span_id(root)}}


def test_spans_that_were_stored_twice_are_shown_once(tenant: Tenant) -> None:
    twice = SpanData(ID, span_id(1), NOW)
    tenant.rows.spans(twice)
    tenant.rows.spans(twice, SpanData(ID, span_id(2), NOW + 1, parent_id=span_id(1)))
    trace = tenant.ask(GET, id=ID)
    assert [span["spanId"] for span in trace["spans"]] == [span_id(1), span_id(2)]
    assert trace["spanCount"] == 2


def test_a_trace_over_several_windows_and_days_is_whole(tenant: Tenant) -> None:
    day = NOW // DAY
    for number in range(4):
        time = NOW + number * DAY
        # The log took the last one in a day after it happened.
        tenant.rows.spans(SpanData(ID, span_id(number + 1), time, log_day=day + number + number // 3))
    assert [span["spanId"] for span in tenant.ask(GET, id=ID)["spans"]] == [span_id(n) for n in range(1, 5)]


def test_an_unknown_trace_is_null_and_an_id_in_capitals_is_the_same(tenant: Tenant) -> None:
    assert tenant.ask(GET, id="f" * 32) is None
    tenant.rows.spans(SpanData(ID, span_id(1), NOW))
    assert tenant.ask(GET, id=ID.upper())["id"] == ID


@pytest.mark.parametrize("wrong", ["", "x", "0" * 31, "0" * 33, "g" * 32, "٠" * 32, "0' OR '1'='1" + "0" * 20])
def test_what_is_no_trace_id_is_refused(tenant: Tenant, wrong: str) -> None:
    assert tenant.error(GET, id=wrong) == ("BAD_INPUT", "id: a trace id is 32 hexadecimal digits")
