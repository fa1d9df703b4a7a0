"""Data points with too many or too long labels are rejected by name; the rest of their call goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from ingest.answer import Accepted, unavailable
from ingest.batch import Batch, Call, Reason
from ingest.steps.label_limits import LabelLimits, compile_label_limits
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from otelhouse.rules.documents.limits import MetricsDocument
from schema.signal import Signal
from schema.wire.split import split
from tests.ingest.requests import metrics, span, trace_id, traces
from tests.schema.wire.official import REQUEST

STRICT = MetricsDocument(max_labels=3, max_label_value_bytes=5)


def point(*values: Any) -> Metric:
    """A gauge's point with an attribute for each value."""
    metric = Metric(name="g")
    add(metric, *values)
    return metric


def add(metric: Metric, *values: Any) -> None:
    made = metric.gauge.data_points.add(as_int=len(metric.gauge.data_points))
    for number, value in enumerate(values):
        attribute = made.attributes.add(key=f"a{number}")
        if isinstance(value, str):
            attribute.value.string_value = value
        else:
            attribute.value.int_value = value


def limited(*requests: Any, tenants: tuple[str, ...] = ("acme",), **limits: MetricsDocument) -> Batch:
    calls = [
        Call(Tenant(tenant), request.SerializeToString()) for tenant, request in zip(tenants, requests, strict=True)
    ]
    batch = scan(Signal.METRICS, calls)
    LabelLimits(lambda tenant: limits.get(tenant, STRICT))(batch)
    return batch


def values_kept(batch: Batch) -> list[int]:
    groups = np.where(batch.keep, 0, -1).astype(np.int32)
    requests = [REQUEST[Signal.METRICS].FromString(piece.value) for piece in split(batch.scan, groups).pieces]
    return [
        point.as_int
        for request in requests
        for group in request.resource_metrics  # type: ignore[attr-defined]
        for scope in group.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    ]


def test_what_is_within_the_limits_goes_on_as_it_came() -> None:
    batch = limited(metrics(point("12345", "", 10**18)))
    assert batch.outcome(0, lost=False) == Accepted()
    assert values_kept(batch) == [0]


@pytest.mark.parametrize(
    ("values", "reason"),
    [(("a", "b", "c", "d"), Reason.LABELS), (("123456",), Reason.LABEL_VALUE), (("ääü",), Reason.LABEL_VALUE)],
)
def test_a_metric_without_another_point_is_rejected_whole(values: tuple[str, ...], reason: Reason) -> None:
    batch = limited(metrics(point(*values), point("x")))
    assert {each: counts.tolist() for each, counts in batch.rejected.items()} == {reason: [1]}
    assert batch.keep.tolist() == [False, True]


def test_of_a_metric_only_the_points_beyond_are_rejected_each_for_one_reason() -> None:
    metric = point("a", "b", "c", "123456")  # both: counted once
    for values in (("x",), ("123456",), ("a", "b", "c", "d"), ("y",)):
        add(metric, *values)
    batch = limited(metrics(metric))
    assert {each: counts.tolist() for each, counts in batch.rejected.items()} == {
        Reason.LABELS: [2],
        Reason.LABEL_VALUE: [1],
    }
    assert values_kept(batch) == [1, 4]


def test_each_tenant_has_its_own_limits() -> None:
    request = metrics(point("123456"))
    batch = limited(request, request, tenants=("acme", "blue"), blue=MetricsDocument())
    assert batch.rejected[Reason.LABEL_VALUE].tolist() == [1, 0]
    assert batch.keep.tolist() == [False, True]


def test_ten_thousand_labels_are_beyond_what_holds_without_a_rule() -> None:
    default = compile_label_limits(None, "acme")
    batch = limited(metrics(point(*range(10_000)), point(*range(1_024))), acme=default)
    assert batch.rejected[Reason.LABELS].tolist() == [1]
    outcome = batch.outcome(0, lost=False)
    assert outcome == Accepted(1, "1 data points have more attributes than their tenant may give a data point")


def test_a_tenant_whose_rules_are_not_known_is_refused_alone() -> None:
    def limits_of(tenant: str) -> MetricsDocument:
        if tenant == "acme":
            raise unavailable("not yet")
        return STRICT

    request = metrics(point("x"))
    calls = [Call(Tenant(tenant), request.SerializeToString()) for tenant in ("acme", "blue")]
    batch = scan(Signal.METRICS, calls)
    LabelLimits(limits_of)(batch)
    assert list(batch.refused) == [0]
    assert batch.keep.tolist() == [False, True]


def test_spans_have_no_labels() -> None:
    request = traces(span("s", trace_id(1)))
    batch = scan(Signal.TRACES, [Call(Tenant("acme"), request.SerializeToString())])
    LabelLimits(lambda _: STRICT)(batch)
    assert batch.keep.all()
