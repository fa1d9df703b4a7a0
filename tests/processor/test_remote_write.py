"""What came by remote write is stored under Prometheus' own names, labels and types."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from processor.build import Builder, Built
from processor.metrics_rows.state import MetricsState
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from tests.processor.metrics_rows.stream import unlimited
from tests.processor.requests import record
from tests.processor.test_rows import window_of
from tests.support.remote_write import STALE_BITS, V2Builder

MS = 1_700_000_000_123
STALE = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]


def _built(*requests: Any, builder: Builder | None = None, state: MetricsState | None = None) -> Built:
    bodies = [
        convert(Version.V2, np.frombuffer(bytearray(each.SerializeToString()), np.uint8), 1 << 20).body
        for each in requests
    ]
    records = [record(Signal.METRICS, offset, body) for offset, body in enumerate(bodies)]
    return (builder or Builder()).build(window_of(records), state or unlimited())


def _series(built: Built) -> list[dict[str, Any]]:
    return [row for name, rows in built.shared if name == "series" for row in rows.to_pylist()]


def _table(built: Built, name: str) -> pa.RecordBatch:
    (block,) = (block for block in built.blocks if block.table == name)
    return block.rows


def test_names_labels_and_types_are_prometheus_own() -> None:
    request = V2Builder()
    labels = {
        "__name__": "odd__name:x",
        "__replica__": "a",
        "_private": "p",
        "empty": "",
        "instance": "i:1",
        "job": "team/api",
        "otel_scope_name": "theirs",
        "ünï.x": "u",
    }
    request.series(labels, 5, "Help.", "1").samples.add(value=1.5, timestamp=MS)
    (found,) = _series(_built(request.request))
    assert found["metric"] == "odd__name:x"
    wanted = {key: text for key, text in labels.items() if text and key != "__name__"}
    assert dict(found["labels"]) == wanted
    assert (found["type"], found["unit"], found["help"], found["temporality"]) == ("summary", "1", "Help.", "")


def test_each_type_is_stored_as_it_was_sent() -> None:
    request = V2Builder()
    types = ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"]
    for number, name in enumerate(types):
        request.series({"__name__": f"m_{name}"}, number).samples.add(value=1, timestamp=MS)
    assert {row["metric"]: row["type"] for row in _series(_built(request.request))} == {f"m_{t}": t for t in types}


def test_a_type_that_is_learnt_later_is_stored() -> None:
    builder = Builder()
    requests = []
    for type_ in (0, 2):
        request = V2Builder()
        request.series({"__name__": "m"}, type_).samples.add(value=1, timestamp=MS)
        requests.append(request.request)
    assert [row["type"] for row in _series(_built(requests[0], builder=builder))] == ["unknown"]
    assert [row["type"] for row in _series(_built(requests[1], builder=builder))] == ["gauge"]


def test_a_stale_marker_is_stored_with_its_own_bits() -> None:
    request = V2Builder()
    request.series({"__name__": "m"}).samples.add(value=STALE, timestamp=MS)
    assert _table(_built(request.request), "samples").column("bits").to_pylist() == [STALE_BITS]


def test_exemplars_without_a_sample_are_no_sample() -> None:
    request = V2Builder()
    labels = {"__name__": "m", "job": "j"}
    request.series(labels).exemplars.add(value=2.5, timestamp=MS)
    request.series({"__name__": "n"}).samples.add(value=1, timestamp=MS)
    request.series(labels).samples.add(value=0, timestamp=MS)
    built = _built(request.request)
    assert _table(built, "samples").num_rows == 2
    exemplars = _table(built, "exemplars").to_pylist()
    (m,) = {row["series"] for row in _series(built) if row["metric"] == "m"}
    assert [(row["series"], row["value"]) for row in exemplars] == [(m, 2.5)]


def test_a_native_histogram_with_custom_buckets_is_stored_in_full() -> None:
    request = V2Builder()
    histogram = request.series({"__name__": "h", "job": "j"}, 3).histograms.add(
        count_int=6, sum=9.5, schema=-53, timestamp=MS, custom_values=[0.5, 2.0]
    )
    histogram.positive_spans.add(offset=0, length=3)
    histogram.positive_deltas.extend([1, 1, 1])
    built = _built(request.request)
    names = {row["series"]: (row["metric"], dict(row["labels"]).get("le")) for row in _series(built)}
    rows = _table(built, "samples").to_pylist()
    samples = {names[row["series"]]: np.uint64(row["bits"]).view(np.float64) for row in rows}
    counts = {("h_bucket", "0.5"): 1, ("h_bucket", "2"): 3, ("h_bucket", "+Inf"): 6, ("h_count", None): 6}
    assert samples == {**counts, ("h_sum", None): 9.5}
