"""What a caller of scan() relies on: calls fail alone, parents, columns, merged messages."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schema.signal import Signal
from schema.wire import ErrorCode, Holder, MetricData, Owner, Slices, join, scan
from tests.schema.wire.mutate import delimited, varint


def request(*spans: str, service: str = "shop") -> ExportTraceServiceRequest:
    """Spans of these names in one scope."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.add(key="host").value.string_value = "h1"
    resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    scope_spans = resource_spans.scope_spans.add()
    for name in spans:
        span = scope_spans.spans.add(name=name, trace_id=b"t" * 16, kind=3, flags=2**32 - 1)
        span.attributes.add(key="n").value.int_value = -len(name)
        span.events.add(name=f"event of {name}").attributes.add(key="e").value.double_value = 0.5
    return message


def bodies(*requests: ExportTraceServiceRequest) -> list[bytes]:
    return [message.SerializeToString() for message in requests]


def test_a_bad_body_fails_alone_and_leaves_no_row() -> None:
    good = bodies(request("a", "b"), request("c"))
    bad = bodies(request("x", "y", "z"))[0][:-3]
    result = scan(Signal.TRACES, *join([good[0], bad, b"", good[1]]))
    assert result.status.tolist() == [ErrorCode.OK, ErrorCode.LENGTH, ErrorCode.OK, ErrorCode.OK]
    assert result.items["name"].tolist() == [b"a", b"b", b"c"]
    assert result.items.call.tolist() == [0, 0, 3]
    assert result.resources.parent.tolist() == [0, 3]
    assert len(result.events) == 3
    assert result.attributes["key"].tolist().count(b"n") == 3


def test_rows_know_their_parents() -> None:
    result = scan(Signal.TRACES, *join(bodies(request("a", "b", service="s1"), request("c", service="s2"))))
    assert result.scopes.parent.tolist() == [0, 1]
    assert result.items.parent.tolist() == [0, 0, 1]
    assert result.resource_of_items.tolist() == [0, 0, 1]
    assert result.events.parent.tolist() == [0, 1, 2]
    found = result.find(Owner.RESOURCE, b"service.name")
    services = result.attributes["value"].take(found)
    assert services.tolist() == [b"s1", b"s2"]
    assert result.find(Owner.RESOURCE, b"none").tolist() == [-1, -1]
    order, offsets = result.attributes_of(Owner.EVENT)
    assert offsets.tolist() == [0, 1, 2, 3]
    assert result.attributes["key"].take(order).tolist() == [b"e"] * 3


def test_numbers_have_the_types_of_the_proto() -> None:
    items = scan(Signal.TRACES, *join(bodies(request("a")))).items
    assert items["kind"].dtype == np.int32
    assert items["flags"].tolist() == [2**32 - 1]
    assert items["start_time_unix_nano"].dtype == np.uint64
    with pytest.raises(KeyError):
        items["severity_text"]
    with pytest.raises(TypeError):
        items.numbers("name")


def test_the_bytes_of_a_row_are_its_message() -> None:
    message = request("a")
    result = scan(Signal.TRACES, *join(bodies(message)))
    resource_spans = message.resource_spans[0]
    assert result.resources["resource"].tolist() == [resource_spans.resource.SerializeToString()]
    assert result.items.body.tolist() == [resource_spans.scope_spans[0].spans[0].SerializeToString()]
    whole = result.data[result.items.tag[0] : result.items.end[0]].tobytes()
    assert whole == delimited(2, result.items.body[0])


def test_sub_messages_in_pieces_are_merged() -> None:
    status = delimited(15, delimited(2, b"first")) + delimited(15, varint(3 << 3) + b"\x02")
    pieces = delimited(1, delimited(2, delimited(2, status)))
    good = bodies(request("a"))[0]
    result = scan(Signal.TRACES, *join([good, pieces, good]))
    assert result.status.tolist() == [0, 0, 0]
    assert result.items["status.message"].tolist() == [b"", b"first", b""]
    assert result.items["status.code"].tolist() == [0, 2, 0]
    assert result.items.call.tolist() == [0, 1, 2]
    assert result.bounds[-1] == len(result.data)


def test_a_huge_body_in_pieces_is_refused_by_its_own_code() -> None:
    filler = delimited(1, delimited(3, b"x" * (17 << 20)))
    pieces = filler + delimited(1, delimited(1, b"") * 2)
    result = scan(Signal.TRACES, *join([pieces, bodies(request("a"))[0]]))
    assert result.status.tolist() == [ErrorCode.TOO_LARGE, ErrorCode.OK]
    assert result.items.call.tolist() == [1]


def test_more_rows_than_guessed_are_all_there() -> None:
    number, word = (delimited(9, delimited(2, value)) for value in (varint(3 << 3) + b"\x01", delimited(1, b"w")))
    span = delimited(2, (number + word) * 25_000)
    result = scan(Signal.TRACES, *join([delimited(1, delimited(2, span)), bodies(request("a"))[0]]))
    assert result.status.tolist() == [0, 0]
    of_items = result.attributes["owner"] == Owner.ITEM
    assert result.attributes["value.kind"][of_items].tolist() == [3, 1] * 25_000 + [3]
    assert set(result.attributes.parent[of_items].tolist()) == {0, 1}


def test_a_body_of_masses_of_empty_messages_is_refused_before_it_takes_memory() -> None:
    span = delimited(2, delimited(9, b"") * 3_000_000)
    good = bodies(request("a"))[0]
    result = scan(Signal.TRACES, *join([good, delimited(1, delimited(2, span)), good]))
    assert result.status.tolist() == [ErrorCode.OK, ErrorCode.TOO_MANY, ErrorCode.OK]
    assert result.items.call.tolist() == [0, 2]


def test_a_million_attributes_on_a_span_are_taken() -> None:
    attribute = delimited(9, delimited(1, b"k") + delimited(2, varint(3 << 3) + b"\x01"))
    result = scan(Signal.TRACES, *join([delimited(1, delimited(2, delimited(2, attribute * 1_000_000)))]))
    assert result.status.tolist() == [0]
    assert len(result.attributes) == 1_000_000


def test_values_in_arrays_and_maps_have_rows_at_any_depth() -> None:
    def text(word: bytes) -> bytes:
        return delimited(1, word)

    def array(*values: bytes) -> bytes:
        return delimited(5, b"".join(delimited(1, value) for value in values))

    def pairs(key: bytes, value: bytes) -> bytes:
        return delimited(6, delimited(1, delimited(1, key) + delimited(2, value)))

    attribute = delimited(6, delimited(1, b"k") + delimited(2, array(text(b"a"), pairs(b"in", array(text(b"b"))))))
    record = delimited(5, pairs(b"body", text(b"c"))) + attribute
    result = scan(Signal.LOGS, *join([delimited(1, delimited(2, delimited(2, record)))]))
    values = result.values
    assert values["holder"].tolist() == [Holder.BODY, Holder.ATTRIBUTE, Holder.ATTRIBUTE, Holder.VALUE, Holder.VALUE]
    assert values.parent.tolist() == [0, 0, 0, 2, 3]
    assert values["key"].tolist() == [b"body", b"", b"", b"in", b""]
    assert values["value"].take(np.flatnonzero(values["value.kind"] == 1)).tolist() == [b"c", b"a", b"b"]


@pytest.mark.parametrize(
    "twice", [delimited(5, b"first") + delimited(5, b"last"), delimited(3, b"a") + delimited(3, b"")]
)
def test_of_a_string_that_comes_twice_only_the_last_is_in_the_bytes(twice: bytes) -> None:
    result = scan(Signal.TRACES, *join([delimited(1, delimited(2, delimited(2, twice)))]))
    assert result.status.tolist() == [0]
    assert result.items["name"].tolist()[0] in (b"", b"last")
    assert b"first" not in result.data.tobytes()


def test_a_large_body_of_the_densest_histograms_is_taken() -> None:
    message = ExportMetricsServiceRequest()
    points = message.resource_metrics.add().scope_metrics.add().metrics.add(name="e").exponential_histogram.data_points
    for _ in range(2000):
        points.add().positive.bucket_counts.extend([1] * 1600)
    result = scan(Signal.METRICS, *join([message.SerializeToString()]))
    assert result.status.tolist() == [0]
    assert len(result.buckets("positive.bucket_counts")[1]) == 2000 * 1600


def test_metric_points_carry_their_kind_and_their_lists() -> None:
    message = ExportMetricsServiceRequest()
    metrics = message.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="g").gauge.data_points.add(as_int=-7)
    histogram = metrics.add(name="h").histogram
    histogram.data_points.add(bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 1.5], sum=4.0)
    histogram.data_points.add(bucket_counts=[9])
    exponential = metrics.add(name="e").exponential_histogram.data_points.add(scale=-2)
    exponential.positive.bucket_counts.extend([4, 5])
    exponential.negative.offset = -3
    result = scan(Signal.METRICS, *join([message.SerializeToString()]))
    kinds = [MetricData.GAUGE, MetricData.HISTOGRAM, MetricData.HISTOGRAM, MetricData.EXPONENTIAL_HISTOGRAM]
    assert result.points["data"].tolist() == kinds
    assert result.items["data"].tolist() == [kinds[0], kinds[1], kinds[3]]
    assert result.points.parent.tolist() == [0, 1, 1, 2]
    assert result.point_values().tolist() == [-7.0, 0.0, 0.0, 0.0]
    assert result.points["has_sum"].tolist() == [False, True, False, False]
    offsets, counts = result.buckets("bucket_counts")
    assert (offsets.tolist(), counts.tolist()) == ([0, 0, 3, 4, 4], [1, 2, 3, 9])
    assert result.buckets("explicit_bounds")[1].tolist() == [0.5, 1.5]
    offsets, counts = result.buckets("positive.bucket_counts")
    assert (offsets.tolist(), counts.tolist()) == ([0, 0, 0, 0, 2], [4, 5])
    assert result.points["negative.offset"].tolist() == [0, 0, 0, -3]
    assert result.points["scale"].tolist() == [0, 0, 0, -2]


def test_an_empty_batch_has_empty_tables() -> None:
    for signal in Signal:
        for batch in ([], [b""], [b"", b""]):
            result = scan(signal, *join(batch))
            assert len(result.status) == len(batch)
            assert len(result.items) == len(result.attributes) == 0
            assert result.attributes_of(Owner.ITEM)[1].tolist() == [0]


def slices() -> Slices:
    data = np.frombuffer(b"0123456789abcdef", np.uint8).copy()
    return Slices(data, np.array([0, -1, 10, 4], np.int64), np.array([4, 0, 6, 0], np.int64))


def test_slices_become_arrow_strings_and_bytes() -> None:
    assert slices().to_arrow().to_pylist() == ["0123", "", "abcdef", ""]
    assert slices().to_arrow().type == pa.string()
    assert slices().to_arrow(binary=True).to_pylist() == [b"0123", b"", b"abcdef", b""]


def test_slices_are_taken_compared_and_fixed() -> None:
    column = slices()
    assert column.present.tolist() == [True, False, True, True]
    assert column.take(np.array([2, -1, 0])).tolist() == [b"abcdef", b"", b"0123"]
    assert column.equals(b"abcdef").tolist() == [False, False, True, False]
    assert column.equals(b"").tolist() == [False, False, False, True]
    assert column.fixed(4).tobytes() == b"0123" + bytes(12)
    with pytest.raises(IndexError):
        column.take(np.array([4]))
