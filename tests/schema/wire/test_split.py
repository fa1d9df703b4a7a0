"""split(): every item in one piece of its group, in order, within the limit, nothing lost of its envelopes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from schema.signal import Signal
from schema.wire import Scan, Split, item_counts, join, scan, split
from tests.schema.wire.mutate import delimited, varint
from tests.schema.wire.official import REQUEST, parse, random_message

NAMES = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
}

Item = tuple[bytes, ...]


def items(signal: Signal, value: bytes) -> list[Item]:
    """Each item with the rest of its scope message and of its resource message, unknown fields included."""
    message: Any = parse(signal, value)
    assert message is not None
    outer, inner, leaf = NAMES[signal]
    found = []
    for resource in getattr(message, outer):
        for scope in getattr(resource, inner):
            bare_resource, bare_scope = type(resource)(), type(scope)()
            bare_resource.CopyFrom(resource)
            bare_resource.ClearField(inner)
            bare_scope.CopyFrom(scope)
            bare_scope.ClearField(leaf)
            envelope = (bare_resource.SerializeToString(), bare_scope.SerializeToString())
            found += [(*envelope, item.SerializeToString()) for item in getattr(scope, leaf)]
    return found


def check(result: Scan, bodies: list[bytes], group: np.ndarray[Any, Any], done: Split, limit: int) -> None:
    signal = result.signal
    everything = [item for body in bodies for item in items(signal, body)]
    calls, counts = result.items.call, item_counts(result)
    left_out = set(done.oversize.tolist()) | set(np.flatnonzero(group < 0).tolist())
    assert [piece.group for piece in done.pieces] == sorted(piece.group for piece in done.pieces)
    for number in sorted(set(group.tolist()) - {-1}):
        rows = [row for row in np.flatnonzero(group == number) if row not in left_out]
        for piece in (piece for piece in done.pieces if piece.group == number):
            assert 0 < len(piece.value) <= limit
            inside = items(signal, piece.value)
            mine, rows = rows[: len(inside)], rows[len(inside) :]
            assert inside == [everything[row] for row in mine]
            assert piece.items == sum(counts[row] for row in mine)
            assert piece.calls.tolist() == sorted({calls[row] for row in mine})
        assert not rows


@pytest.mark.parametrize("signal", Signal)
def test_random_requests_split_into_the_same_items(signal: Signal) -> None:
    rng = random.Random(31)
    for _ in range(12):
        bodies = [random_message(REQUEST[signal](), rng).SerializeToString() for _ in range(4)]
        result = scan(signal, *join(bodies))
        group = np.array([rng.choice((-1, 0, 1, 5)) for _ in range(len(result.items))], np.int32)
        for limit in (300, 2000, 921_600):
            check(result, bodies, group, split(result, group, limit), limit)


def envelope(*spans: bytes, resource: bytes = b"", scope: bytes = b"") -> bytes:
    return delimited(1, resource + delimited(2, scope + b"".join(spans)))


def test_a_piece_may_be_as_long_as_the_limit_and_no_longer() -> None:
    body = envelope(*[delimited(2, delimited(5, b"n" * 50))] * 3)
    result = scan(Signal.TRACES, *join([body]))
    group = np.zeros(3, np.int32)
    assert [piece.items for piece in split(result, group, len(body)).pieces] == [3]
    assert [piece.items for piece in split(result, group, len(body) - 1).pieces] == [2, 1]


def test_an_item_that_fits_nowhere_is_told_and_the_rest_goes_on() -> None:
    small, large = delimited(2, delimited(5, b"s")), delimited(2, delimited(5, b"l" * 5000))
    result = scan(Signal.TRACES, *join([envelope(small, large, small)]))
    done = split(result, np.zeros(3, np.int32), 1000)
    assert done.oversize.tolist() == [1]
    assert [piece.items for piece in done.pieces] == [2]


def test_unknown_fields_of_the_envelopes_go_with_every_piece() -> None:
    unknown = varint(900 << 3) + b"\x07"
    spans = [delimited(2, delimited(5, name)) for name in (b"a", b"b")]
    body = delimited(1, delimited(2, spans[0] + unknown + spans[1]) + unknown + delimited(3, b"url"))
    result = scan(Signal.TRACES, *join([body]))
    pieces = split(result, np.array([0, 1], np.int32)).pieces
    again = scan(Signal.TRACES, *join([piece.value for piece in pieces]))
    assert again.items["name"].tolist() == [b"a", b"b"]
    assert again.resources["schema_url"].tolist() == [b"url"] * 2
    assert all(piece.value.count(unknown) == 2 for piece in pieces)


def test_a_metric_counts_its_data_points() -> None:
    message: Any = REQUEST[Signal.METRICS]()
    metrics = message.resource_metrics.add().scope_metrics.add().metrics
    for points in (3, 0, 2):
        metric = metrics.add(name=f"m{points}")
        for _ in range(points):
            metric.gauge.data_points.add(as_int=1)
    result = scan(Signal.METRICS, *join([message.SerializeToString()]))
    assert item_counts(result).tolist() == [3, 0, 2]
    pieces = split(result, np.array([0, 0, 1], np.int32)).pieces
    assert [piece.items for piece in pieces] == [3, 2]


def test_a_large_envelope_cannot_be_multiplied_without_bound() -> None:
    """One resource of 800 KB over items that go to a thousand groups would make 800 MB of 1 MB."""
    resource = delimited(3, b"u" * 800_000)
    small = envelope(*[delimited(2, delimited(5, b"s"))] * 4)
    result = scan(
        Signal.TRACES, *join([envelope(*[delimited(2, delimited(5, b"n"))] * 1000, resource=resource), small])
    )
    group = np.concatenate((np.arange(1000), np.zeros(4))).astype(np.int32)
    done = split(result, group)
    assert sum(len(piece.value) for piece in done.pieces) < 64 << 20
    assert len(done.oversize) > 900
    assert done.oversize.max() < 1000, "the other call's items all go out"


def test_groups_that_do_not_fit_the_items_are_refused() -> None:
    result = scan(Signal.TRACES, *join([envelope(delimited(2, b""))]))
    for group in ([0, 0], [], [-2]):
        with pytest.raises(ValueError, match="group"):
            split(result, np.array(group, np.int32))


def test_nothing_chosen_gives_no_piece() -> None:
    result = scan(Signal.TRACES, *join([envelope(delimited(2, b""))]))
    assert split(result, np.array([-1], np.int32)).pieces == []
    empty = scan(Signal.LOGS, *join([]))
    assert split(empty, np.zeros(0, np.int32)).pieces == []


def large_metric(points: int, description: str = "") -> Any:
    """A request with a small metric, a large sum with fields before and after its points, and another small one."""
    message: Any = REQUEST[Signal.METRICS]()
    outer = message.resource_metrics.add(schema_url="outer")
    outer.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = outer.scope_metrics.add(schema_url="inner")
    scope.metrics.add(name="before").gauge.data_points.add(as_int=1)
    large = scope.metrics.add(name="large", unit="By", description=description)
    large.sum.is_monotonic, large.sum.aggregation_temporality = True, 2
    for i in range(points):
        large.sum.data_points.add(as_int=i, time_unix_nano=i).attributes.add(key="k").value.string_value = "v" * 90
    large.metadata.add(key="m").value.bool_value = True
    scope.metrics.add(name="after").gauge.data_points.add(as_int=2)
    message.resource_metrics.add(schema_url="other").scope_metrics.add().metrics.add(name="last")
    return message


def test_a_metric_larger_than_a_record_goes_out_in_pieces_with_all_its_points() -> None:
    message = large_metric(20_000)
    small = large_metric(3)
    bodies = [small.SerializeToString(), message.SerializeToString(), b"\xff", small.SerializeToString()]
    result = scan(Signal.METRICS, *join(bodies))
    assert result.status.tolist() == [0, 0, 1, 0]
    assert result.items["name"].equals(b"large").sum() > 8
    done = split(result, np.zeros(len(result.items), np.int32))
    assert len(done.oversize) == 0
    assert sum(piece.items for piece in done.pieces) == 20_000 + 2 + 2 * 5
    assert all(len(piece.value) <= 900 * 1024 for piece in done.pieces)
    merged: Any = REQUEST[Signal.METRICS]()
    for piece in done.pieces:
        for resource in parse(Signal.METRICS, piece.value).resource_metrics:
            merged.resource_metrics.append(resource)
    pieces = [m for r in merged.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == "large"]
    original = message.resource_metrics[0].scope_metrics[0].metrics[1]
    points = [point for metric in pieces if len(metric.sum.data_points) > 3 for point in metric.sum.data_points]
    assert points == list(original.sum.data_points)
    for metric in pieces:
        del metric.sum.data_points[:]
    del original.sum.data_points[:]
    assert all(metric == original for metric in pieces)
    assert {r.schema_url for r in merged.resource_metrics} == {"outer", "other"}


def test_a_metric_whose_description_fills_a_piece_is_left_whole() -> None:
    result = scan(Signal.METRICS, *join([large_metric(3000, "d" * 200_000).SerializeToString()]))
    assert result.items["name"].equals(b"large").sum() == 1
    done = split(result, np.zeros(len(result.items), np.int32), 300_000)
    assert done.oversize.tolist() == [1]
    assert sum(piece.items for piece in done.pieces) == 2
