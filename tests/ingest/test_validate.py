"""Items that OTLP calls invalid are rejected one by one; what is merely odd goes on as it was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.answer import Accepted
from ingest.batch import Batch, Call, Reason
from ingest.steps.scan import scan
from ingest.steps.validate import validate
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire.split import split
from tests.ingest.requests import gauge, logs, metrics, span, trace_id, traces
from tests.schema.wire.official import REQUEST

TENANT = Tenant("default")
CUMULATIVE = 2


def validated(signal: Signal, *requests: Message) -> Batch:
    batch = scan(signal, [Call(TENANT, request.SerializeToString()) for request in requests])
    validate(batch)
    return batch


def kept(batch: Batch) -> list[Any]:
    """What goes on, read by the official library."""
    groups = np.where(batch.keep, 0, -1).astype(np.int32)
    return [REQUEST[batch.signal].FromString(piece.value) for piece in split(batch.scan, groups).pieces]


def histogram(counts: list[int], bounds: list[float], temporality: int = CUMULATIVE) -> Metric:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.histogram.data_points.add(bucket_counts=counts, explicit_bounds=bounds, count=sum(counts))
    return metric


def summed(temporality: int, *values: int) -> Metric:
    metric = Metric(name="s")
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    for value in values:
        metric.sum.data_points.add(as_int=value)
    return metric


@pytest.mark.parametrize(
    ("made", "good"),
    [
        (lambda: span("s"), True),
        (lambda: span("s", trace=b""), False),
        (lambda: span("s", trace=bytes(16)), False),
        (lambda: span("s", trace=b"x" * 15), False),
        (lambda: span("s", trace=b"x" * 17), False),
        (lambda: span("s", span_id=b""), False),
        (lambda: span("s", span_id=bytes(8)), False),
        (lambda: span("s", span_id=b"x" * 16), False),
    ],
)
def test_a_span_needs_both_of_its_ids(made: Callable[[], Span], good: bool) -> None:
    batch = validated(Signal.TRACES, traces(made(), span("other")))
    assert batch.keep.tolist() == [good, True]
    expected = Accepted() if good else Accepted(1, "1 spans have an invalid trace id or span id")
    assert batch.outcome(0, lost=False) == expected


def test_odd_spans_go_on_as_they_were_sent() -> None:
    odd = span("")
    odd.parent_span_id = b"abc"
    odd.links.add(trace_id=b"short", span_id=b"")
    odd.start_time_unix_nano, odd.end_time_unix_nano = 2**64 - 1, 0
    odd.kind = 99  # type: ignore[assignment]
    odd.attributes.add(key="k").value.double_value = float("nan")
    odd.attributes.add(key="k").value.string_value = "twice"
    sent = traces(odd)
    batch = validated(Signal.TRACES, sent)
    assert batch.outcome(0, lost=False) == Accepted()
    assert [made.SerializeToString() for made in kept(batch)] == [sent.SerializeToString()]


def test_log_records_are_never_rejected() -> None:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    sent = logs(LogRecord(), LogRecord(trace_id=b"short", span_id=b"x" * 9, severity_number=200))  # type: ignore[arg-type]
    batch = validated(Signal.LOGS, sent)
    assert batch.keep.all()
    assert kept(batch) == [sent]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (gauge("g", 1.0), None),
        (gauge("", 1.0), Reason.NO_NAME),
        (summed(1, 5), None),
        (summed(2, 5), None),
        (summed(0, 5), Reason.NO_TEMPORALITY),
        (summed(3, 5), Reason.NO_TEMPORALITY),
        (histogram([1, 2], [5.0]), None),
        (histogram([7], []), None),
        (histogram([], []), None),
        (histogram([1, 2], [5.0], temporality=0), Reason.NO_TEMPORALITY),
        (histogram([1, 2], []), Reason.BUCKETS),
        (histogram([1, 2], [5.0, 6.0]), Reason.BUCKETS),
        (histogram([], [5.0]), Reason.BUCKETS),
        (histogram([1, 2, 3], [5.0, 5.0]), Reason.BUCKETS),
        (histogram([1, 2, 3], [6.0, 5.0]), Reason.BUCKETS),
        (histogram([1, 2, 3], [5.0, float("nan")]), Reason.BUCKETS),
        (histogram([1, 2, 3], [float("-inf"), float("inf")]), None),
        (Metric(name="nothing"), None),
    ],
)
def test_a_metric_needs_a_name_a_temporality_and_buckets_that_fit(metric: Metric, reason: Reason | None) -> None:
    batch = validated(Signal.METRICS, metrics(metric, gauge("other", 1.0)))
    assert batch.keep.tolist() == [reason is None, True]
    assert {found: counts.tolist() for found, counts in batch.rejected.items()} == ({reason: [1]} if reason else {})


def test_bounds_of_one_histogram_are_not_compared_with_those_of_the_next() -> None:
    batch = validated(Signal.METRICS, metrics(histogram([1, 2], [5.0]), histogram([1, 2], [1.0])))
    assert batch.keep.all()


def test_a_number_point_needs_a_value_unless_it_says_that_there_is_none() -> None:
    metric = Metric(name="g")
    metric.gauge.data_points.add(time_unix_nano=1)
    metric.gauge.data_points.add(time_unix_nano=2, flags=1)
    metric.gauge.data_points.add(time_unix_nano=3, as_int=0)
    only_bad = Metric(name="bad")
    only_bad.gauge.data_points.add()
    batch = validated(Signal.METRICS, metrics(gauge("fine", 1.0)), metrics(metric, only_bad))
    assert batch.rejected[Reason.NO_VALUE].tolist() == [0, 2]
    assert batch.outcome(1, lost=False) == Accepted(2, "2 data points have no value")
    assert batch.weights[batch.keep].tolist() == [1, 2]
    times = [
        [point.time_unix_nano for point in found.gauge.data_points]
        for request in kept(batch)
        for group in request.resource_metrics
        for found in group.scope_metrics[0].metrics
    ]
    assert times == [[1], [2, 3]]


def test_points_of_two_kinds_of_faults_are_counted_once_each() -> None:
    metric = histogram([1, 2], [5.0])
    metric.histogram.data_points.add(bucket_counts=[1], explicit_bounds=[2.0])
    metric.histogram.data_points.add(bucket_counts=[], explicit_bounds=[])
    nothing = Metric(name="g")
    nothing.gauge.data_points.add()
    nothing.gauge.data_points.add(as_double=1.0)
    batch = validated(Signal.METRICS, metrics(metric, nothing, gauge("", 1.0, 2.0)))
    assert {reason: counts.tolist() for reason, counts in batch.rejected.items()} == {
        Reason.NO_NAME: [2],
        Reason.NO_VALUE: [1],
        Reason.BUCKETS: [1],
    }
    assert batch.received.tolist() == [7]
    assert int(batch.weights[batch.keep].sum()) == 3


def test_odd_points_go_on_as_they_were_sent() -> None:
    metric = gauge("g", float("nan"), float("inf"), -0.0)
    point = metric.gauge.data_points[0]
    point.time_unix_nano = 2**64 - 1
    point.exemplars.append(Exemplar(trace_id=b"short", span_id=bytes(8), as_double=1.0))
    point.exemplars.append(Exemplar())
    sent: ExportMetricsServiceRequest = metrics(metric)
    batch = validated(Signal.METRICS, sent)
    assert [made.SerializeToString() for made in kept(batch)] == [sent.SerializeToString()]


def test_remote_write_knows_points_without_value_or_temporality() -> None:
    metric = histogram([1], [], temporality=0)
    nothing = Metric(name="g")
    nothing.gauge.data_points.add()
    sent = metrics(metric, nothing)
    sent.resource_metrics[0].scope_metrics[0].scope.name = "otelhouse.remote_write"
    assert not validated(Signal.METRICS, sent).rejected


def test_invalid_utf8_fails_the_call_alone() -> None:
    good = traces(span("good", trace_id(5)))
    bad = traces(span("bAd")).SerializeToString().replace(b"bAd", b"b\xffd")
    batch = scan(Signal.TRACES, [Call(TENANT, bad), Call(TENANT, good.SerializeToString())])
    validate(batch)
    assert list(batch.refused) == [0]
    assert "not valid UTF-8" in batch.refused[0].message
    assert kept(batch) == [good]
