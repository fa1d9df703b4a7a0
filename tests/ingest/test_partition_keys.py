"""The vectorised partition keys are the ones that `schema/partition_key.py` defines."""

from __future__ import annotations

import numpy as np
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from ingest.partition_keys import partition_keys
from schema.partition_key import resource_key, series_key, tenant_seed, trace_key
from schema.prometheus_name import EXACT_SCOPE
from schema.signal import Signal
from schema.wire import Slices, join, scan
from tests.ingest.requests import Request, gauge, logs, metrics, span, trace_id, traces

# By the xxhash library.
GOLDEN_TRACE = 1243460387725295256
GOLDEN_RESOURCE = 90141965757733141
GOLDEN_SERIES = 3116547941903633499


def keys_of(signal: Signal, *requests: Request, tenant: str = "acme") -> list[int]:
    found = scan(signal, *join([request.SerializeToString() for request in requests]))
    rows = np.arange(len(found.items))
    return [int(key) for key in partition_keys(found, rows, tenant_seed(tenant))]


def test_a_span_goes_by_tenant_and_trace() -> None:
    request = traces(span("a", trace_id(1)), span("b", trace_id(2)), span("c", trace_id(1)))
    assert keys_of(Signal.TRACES, request) == [trace_key("acme", trace_id(n)) for n in (1, 2, 1)]
    assert keys_of(Signal.TRACES, request, tenant="b") == [trace_key("b", trace_id(n)) for n in (1, 2, 1)]


def test_a_log_record_goes_with_its_trace_and_else_by_resource() -> None:
    records = [LogRecord(trace_id=i) for i in (trace_id(5), b"", b"\0" * 16, b"short")]
    request = logs(*records)
    resource = resource_key("acme", request.resource_logs[0].resource.SerializeToString())
    assert keys_of(Signal.LOGS, request) == [trace_key("acme", trace_id(5)), resource, resource, resource]


def test_a_metric_goes_by_job_instance_and_translated_family() -> None:
    counter = Metric(name="http.requests", unit="1")
    counter.sum.is_monotonic = True
    counter.sum.data_points.add()
    found = keys_of(
        Signal.METRICS,
        metrics(counter, gauge("mem.used", 1, unit="By"), service="api", namespace="shop", instance="i-1"),
        metrics(gauge("mem.used", 1, unit="By"), service="api"),
        metrics(gauge("mem.used", 1, 2, unit="By"), service="", instance="i-1"),
    )
    assert found == [
        series_key("acme", "shop/api", "i-1", "http_requests_total"),
        series_key("acme", "shop/api", "i-1", "mem_used_bytes"),
        series_key("acme", "api", "", "mem_used_bytes"),
        series_key("acme", "", "i-1", "mem_used_bytes"),
    ]


def test_a_resource_attribute_that_is_no_string_counts_as_its_text() -> None:
    request = metrics(gauge("m", 1), service="api")
    request.resource_metrics[0].resource.attributes.append(
        KeyValue(key="service.instance.id", value=AnyValue(int_value=17))
    )
    assert keys_of(Signal.METRICS, request) == [series_key("acme", "api", "17", "m")]


def test_names_that_translate_alike_share_a_partition() -> None:
    first, second = keys_of(Signal.METRICS, metrics(gauge("a.b", 1), gauge("a_b", 1)))
    assert first == second


def test_the_parts_of_a_classic_histogram_are_where_their_family_is() -> None:
    histogram = Metric(name="rpc.seconds")
    histogram.histogram.data_points.add()
    names = ("rpc_seconds_bucket", "rpc_seconds_count", "rpc_seconds_sum")
    found = keys_of(Signal.METRICS, metrics(histogram, *(gauge(name, 1) for name in names)))
    assert set(found) == {series_key("acme", "shop", "", "rpc_seconds")}


def test_metrics_whose_hashes_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slices, "hash", lambda self, seed=0: np.zeros(len(self), np.uint64))
    request = metrics(gauge("a", 1), gauge("b", 1), gauge("a", 1), gauge("a", 1, unit="By"))
    families = ("a", "b", "a", "a_bytes")
    assert keys_of(Signal.METRICS, request) == [series_key("acme", "shop", "", family) for family in families]


@pytest.mark.parametrize(
    ("scope", "name", "family"),
    [(EXACT_SCOPE, "a__b:c", "a__b:c"), ("other", "a__b", "a_b"), (EXACT_SCOPE, "_count", "_count")],
)
def test_names_that_came_by_remote_write_are_not_translated(scope: str, name: str, family: str) -> None:
    request = metrics(gauge(name, 1, unit="1"))
    request.resource_metrics[0].scope_metrics[0].scope.name = scope
    wanted = family if scope == EXACT_SCOPE else f"{family}_ratio"
    assert keys_of(Signal.METRICS, request) == [series_key("acme", "shop", "", wanted)]


def test_keys_never_change() -> None:
    # State in running installations lives where these lead.
    assert trace_key("default", bytes(range(1, 17))) == GOLDEN_TRACE
    assert resource_key("default", b"resource") == GOLDEN_RESOURCE
    assert series_key("default", "shop/api", "i-1", "http_requests_total") == GOLDEN_SERIES
