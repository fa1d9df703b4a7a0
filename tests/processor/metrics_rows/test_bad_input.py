"""What senders do wrong, or what only looks so: each has a rule, which docs/metrics.md states, and is counted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from processor.build import Builder
from processor.metrics_rows import metrics
from processor.metrics_rows.active import AHEAD_MS
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from tests.processor.metrics_rows.stream import unlimited
from tests.processor.requests import record
from tests.processor.test_rows import DAY, window_of
from tests.support.remote_write import V2Builder

NOW = DAY * 86_400_000
Row = dict[str, Any]


class Stored:
    """What one partition stored of the requests given to it, one window each."""

    def __init__(self) -> None:
        self._builder, self._state, self._offset = Builder(), unlimited(), 0
        self.samples: list[Row] = []
        self.series: dict[int, Row] = {}

    def take(self, *made: Metric) -> None:
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.add(key="service.name").value.string_value = "api"
        group.scope_metrics.add().metrics.extend(made)
        self._store(request.SerializeToString())

    def remote_write(self, labels: dict[str, str], time: int, value: float, type_: int = 0) -> None:
        request = V2Builder()
        request.series(labels, type_).samples.add(value=value, timestamp=time)
        body = np.frombuffer(bytearray(request.request.SerializeToString()), np.uint8)
        self._store(convert(Version.V2, body, 1 << 20).body)

    def _store(self, body: bytes) -> None:
        self._offset += 1
        built = self._builder.build(window_of([record(Signal.METRICS, self._offset, body)]), self._state)
        for block in built.blocks:
            if block.table == "samples":
                self.samples += block.rows.to_pylist()
        for name, rows in built.shared:
            if name == "series":
                self.series |= {row["series"]: row for row in rows.to_pylist()}

    def named(self, metric: str, **labels: str) -> list[float]:
        """Values of the series of a metric with these labels, in the order that they came in."""
        chosen = {
            key
            for key, row in self.series.items()
            if row["metric"] == metric and labels.items() <= dict(row["labels"]).items()
        }
        return [_value(row) for row in self.samples if row["series"] in chosen]


def _value(row: Row) -> float:
    return float(np.uint64(row["bits"]).view(np.float64))


def counter(time: int, value: float, name: str = "c") -> Metric:
    metric = Metric(name=name)
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2  # type: ignore[assignment]
    metric.sum.data_points.add(time_unix_nano=time * 10**6, as_double=value)
    return metric


def gauge(time: int, value: float, name: str = "g", **attributes: str) -> Metric:
    metric = Metric(name=name)
    point = metric.gauge.data_points.add(time_unix_nano=time * 10**6, as_double=value)
    for key, text in attributes.items():
        point.attributes.add(key=key).value.string_value = text
    return metric


def histogram(time: int, bounds: list[float], counts: list[int], total: float = 1.0) -> Metric:
    metric = Metric(name="h")
    metric.histogram.aggregation_temporality = 2  # type: ignore[assignment]
    metric.histogram.data_points.add(
        time_unix_nano=time * 10**6, explicit_bounds=bounds, bucket_counts=counts, count=sum(counts), sum=total
    )
    return metric


def _counted() -> dict[str, float]:
    (family,) = metrics.IRREGULAR.collect()
    return {
        sample.labels["what"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["tenant"] == "acme"
    }


@pytest.fixture
def stored() -> Iterator[Stored]:
    metrics.IRREGULAR.clear()
    yield Stored()
    metrics.IRREGULAR.clear()


@pytest.mark.parametrize(
    ("samples", "what"),
    [
        ([(NOW, 1.0), (NOW - 1, 1.0)], {"late": 1}),
        ([(NOW, 1.0), (NOW, 1.0)], {"duplicate": 1}),
        ([(NOW, 1.0), (NOW, 2.0)], {"conflicting": 1}),
        ([(NOW, 1.0), (NOW + AHEAD_MS + 1, 2.0), (NOW + 1, 3.0)], {"ahead": 1}),
        ([(NOW, 1.0), (NOW + AHEAD_MS, 2.0)], {}),
        ([(NOW + 60_000 * minute, 0.0 if minute % 2 else 5.0) for minute in range(6)], {"reset": 3}),
        # A clock that steps back: what comes meanwhile is late, and stored.
        ([(NOW + 5000, 1.0), (NOW, 2.0), (NOW + 1000, 3.0), (NOW + 6000, 4.0)], {"late": 2}),
    ],
)
def test_all_are_stored_and_counted(stored: Stored, samples: list[tuple[int, float]], what: dict[str, float]) -> None:
    for time, value in samples:
        stored.take(counter(time, value))
    assert stored.named("c_total") == [value for _, value in samples]
    assert _counted() == what


def test_a_gauge_that_falls_is_no_reset(stored: Stored) -> None:
    for step, value in enumerate((5.0, 1.0, 3.0)):
        stored.take(gauge(NOW + step, value))
    assert _counted() == {}


def test_a_histogram_whose_sum_falls_did_not_begin_anew_and_one_whose_counts_fall_did(stored: Stored) -> None:
    stored.take(histogram(NOW, [1.0], [2, 3], total=5.0))
    stored.take(histogram(NOW + 1, [1.0], [3, 3], total=-4.0))
    assert _counted() == {}
    stored.take(histogram(NOW + 2, [1.0], [1, 0], total=1.0))
    assert _counted() == {"reset": 3}  # the count and both buckets


def test_of_a_summary_the_count_alone_tells_of_a_reset(stored: Stored) -> None:
    for step, (count, total) in enumerate(((5, 9.0), (6, 3.0), (1, 3.0))):
        metric = Metric(name="s")
        point = metric.summary.data_points.add(time_unix_nano=(NOW + step) * 10**6, count=count, sum=total)
        point.quantile_values.add(quantile=0.5, value=7.0 - step)
        stored.take(metric)
    assert _counted() == {"reset": 1}


def test_the_bits_of_a_nan_are_kept(stored: Stored) -> None:
    payloads = [0x7FF8000000000ABC, 0xFFF8000000000001, 0x7FF8000000000001]
    for step, bits in enumerate(payloads):
        stored.take(gauge(NOW + step, struct.unpack("<d", struct.pack("<Q", bits))[0]))
    assert [row["bits"] for row in stored.samples] == payloads


def test_names_that_sql_or_promql_would_choke_on_are_translated_and_values_are_kept(stored: Stored) -> None:
    value = "'); DROP TABLE samples; -- \\ \" {} \n \u2028"
    stored.take(gauge(NOW, 1.0, 'it\'s.a "name"{}', **{"a'b;c": value, "1st": "x", "": "nameless"}))
    (row,) = stored.series.values()
    assert row["metric"] == "it_s_a_name"
    labels = dict(row["labels"])
    assert labels["a_b_c"] == value
    assert labels["key_1st"] == "x"
    assert stored.named("it_s_a_name") == [1.0]


def test_a_histogram_whose_bounds_change_goes_on_with_other_buckets(stored: Stored) -> None:
    stored.take(histogram(NOW, [1.0, 2.0], [1, 1, 1]))
    stored.take(histogram(NOW + 1, [1.0, 5.0], [2, 1, 1]))
    assert stored.named("h_count") == [3.0, 4.0]
    assert stored.named("h_bucket", le="1") == [1.0, 2.0]
    assert stored.named("h_bucket", le="2") == [2.0]
    assert stored.named("h_bucket", le="5") == [3.0]
    assert stored.named("h_bucket", le="+Inf") == [3.0, 4.0]
    assert _counted() == {}


def test_a_metric_that_changes_its_type_is_the_same_series_where_its_name_is_the_same(stored: Stored) -> None:
    labels = {"__name__": "m", "job": "api"}
    stored.remote_write(labels, NOW, 5.0, type_=1)
    stored.remote_write(labels, NOW + 1, 3.0, type_=2)  # now a gauge, which may fall
    stored.take(counter(NOW, 1.0, "n"), gauge(NOW, 2.0, "n"))
    assert stored.named("m") == [5.0, 3.0]
    assert (stored.named("n_total"), stored.named("n")) == ([1.0], [2.0])
    assert _counted() == {}


def test_a_series_that_comes_by_otlp_and_by_remote_write_is_one(stored: Stored) -> None:
    stored.take(gauge(NOW, 1.0, "both", code="200"))
    (row,) = stored.series.values()
    labels = {"__name__": "both", **dict(row["labels"])}
    stored.remote_write(labels, NOW, 1.0)
    stored.remote_write(labels, NOW + 1, 2.0)
    assert len(stored.series) == 1
    assert len({row["series"] for row in stored.samples}) == 1
    assert _counted() == {"duplicate": 1}
