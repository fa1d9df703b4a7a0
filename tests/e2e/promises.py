"""What every layout promises to a user who sends telemetry; the laptop and the production test both ask for it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from tests.support.graphql import ask, eventually, last_hour
from tests.support.otel_client import Exporters, send_one_of_each

_TRACE = """query($id: ID!) { trace(id: $id) { id durationMs
  root { name }
  spans { name kind service status statusMessage parentId attributes resource scope adjustedCount
          events { name attributes } }
  logs { body severityNumber severityText service spanId attributes } } }"""
_METRICS = "query($prefix: String) { metricNames(prefix: $prefix) }"
_TRACES = """query($q: TraceQuery!) { traces(query: $q) { edges { node { id } } } }"""
_SERVICES = """query($r: TimeRange) { services(range: $r) { name requestRate errorRate p95Ms } }"""


def visible_within(http: str, exporters: Exporters, seconds: float, key: str = "") -> float:
    """Send one of each signal and see all of it through GraphQL; returns the seconds from acknowledgement to sight."""
    service = f"shop-{uuid.uuid4().hex[:8]}"
    trace_id = send_one_of_each(service, exporters)
    acknowledged = time.monotonic()
    left = seconds
    trace = eventually(
        lambda: ask(http, _TRACE, {"id": trace_id}, key)["trace"],
        lambda t: t is not None and len(t["spans"]) == 2 and len(t["logs"]) == 1,
        left,
    )
    eventually(
        lambda: ask(http, _METRICS, {"prefix": "orders"}, key)["metricNames"],
        lambda names: "orders_total" in names,
        max(left - (time.monotonic() - acknowledged), 0.0),
    )
    took = time.monotonic() - acknowledged
    _check_trace(trace, service)
    query = {"range": last_hour(), "service": service, "attributes": [{"key": "cart.items", "value": "3"}]}
    assert [e["node"]["id"] for e in ask(http, _TRACES, {"q": query}, key)["traces"]["edges"]] == [trace_id]
    services = ask(http, _SERVICES, {"r": last_hour()}, key)["services"]
    assert service in {s["name"] for s in services}
    return took


def _check_trace(trace: dict[str, Any], service: str) -> None:
    assert trace["root"]["name"] == "POST /checkout"
    root = next(s for s in trace["spans"] if s["parentId"] is None)
    child = next(s for s in trace["spans"] if s["parentId"] is not None)
    assert root["kind"] == "SERVER"
    assert root["attributes"] == {"cart.items": 3}
    assert root["resource"]["service.version"] == "1.4.2"
    assert root["scope"]["name"] == "tests.shop"
    assert root["events"] == [{"name": "validated", "attributes": {"coupon": True}}]
    assert root["service"] == child["service"] == service
    assert (child["status"], child["statusMessage"]) == ("ERROR", "card declined")
    assert child["adjustedCount"] == 1
    (log,) = trace["logs"]
    assert (log["body"], log["severityNumber"], log["attributes"]) == ("stock is low", 13, {"sku": "A-1"})
