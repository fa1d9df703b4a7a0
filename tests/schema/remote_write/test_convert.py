"""Requests of random series, of both versions, are compared with a reference in plain Python."""

from __future__ import annotations

import random
import struct
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError

from schema.remote_write.convert import Converted, Family, Malformed, TooLarge, convert
from schema.remote_write.layout import Item, MetricType, Reason, Version
from tests.schema.remote_write import reference
from tests.support.remote_write import STALE_BITS, V1, V2, V2Builder, v1_series

LIMIT = 64 << 20
STALE = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]


def converted(version: Version, request: Any, limit: int = LIMIT, **known: Any) -> Converted:
    body = request if isinstance(request, bytes) else request.SerializeToString()
    return convert(version, np.frombuffer(bytearray(body), np.uint8), limit, **known)


def _labels(choose: random.Random) -> dict[str, str]:
    name = choose.choice(
        ["up", "http_requests_total", "rpc_seconds_bucket", "rpc_seconds_sum", "rpc_seconds_count", "ñ.x"]
    )
    labels = {"__name__": name}
    if choose.random() < 0.8:
        labels["instance"] = choose.choice(["a:1", "b:2"])
    if choose.random() < 0.8:
        labels["job"] = choose.choice(["shop/api", "node", "/odd", "odd/", "a/b/c"])
    for key in choose.sample(["le", "code", "__replica__", "ünï", "empty", "x" * 140], choose.randrange(4)):
        labels[key] = "" if key == "empty" else choose.choice(["0.5", "+Inf", "v" * 200])
    if choose.random() < 0.9:
        labels = dict(sorted(labels.items()))
    if choose.random() < 0.03:
        labels["__name__"] = ""
    return labels


def _time(choose: random.Random) -> int:
    return choose.choice([1_700_000_000_123, 1_700_000_000_124, 0, 1, -1, reference.MAX_MS, reference.MAX_MS + 1])


def _value(choose: random.Random) -> float:
    return choose.choice([0.0, -0.0, 1.5, float("inf"), float("nan"), STALE, 1e300, -7.0])


def _histogram(choose: random.Random, histogram: Any) -> None:
    custom, is_float = choose.random() < 0.4, choose.random() < 0.4
    histogram.schema = -53 if custom else choose.choice([-4, 0, 3, 8, 9])
    histogram.timestamp, histogram.reset_hint, histogram.sum = _time(choose), choose.randrange(4), _value(choose)
    if is_float:
        histogram.count_float = choose.choice([0.0, 12.0, 12.25, 1e15])
    else:
        histogram.count_int = choose.choice([0, 12, 1 << 40])
    if custom:
        histogram.custom_values.extend(choose.choice([[], [0.1, 0.5, 2.0], [-1.0, 0.0, 1.0, 4.0, 8.0], [1.0, 1.0]]))
    else:
        histogram.zero_threshold = choose.choice([0.0, 1e-9])
        if is_float:
            histogram.zero_count_float = choose.choice([0.0, 2.0, 0.75])
        else:
            histogram.zero_count_int = choose.choice([0, 2])
    for side in ("positive", "negative"):
        if custom and side == "negative" and choose.random() < 0.95:
            continue
        spans = getattr(histogram, f"{side}_spans")
        total = 0
        for number in range(choose.randrange(3)):
            first = -3 if not custom and number == 0 else 0
            span = spans.add(offset=choose.randrange(first, 3), length=choose.randrange(3))
            total += span.length
        if choose.random() < 0.05:
            total += 1
        if is_float:
            getattr(histogram, f"{side}_counts").extend(choose.choice([0.0, 3.0, 2.5]) for _ in range(total))
        else:
            getattr(histogram, f"{side}_deltas").extend(choose.choice([0, 3, 500, -1]) for _ in range(total))


def _fill(choose: random.Random, series: Any, exemplar_labels: Any) -> None:
    shape = choose.random()
    for _ in range(choose.randrange(4) if shape < 0.7 else 0):
        series.samples.add(value=_value(choose), timestamp=_time(choose))
    for _ in range(choose.randrange(3) if shape > 0.6 else 0):
        _histogram(choose, series.histograms.add())
    for _ in range(choose.randrange(3)):
        exemplar_labels(series.exemplars.add(value=_value(choose), timestamp=_time(choose)))


_EXEMPLAR_LABELS = [
    {},
    {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "B7ad6b7169203331"},
    {"trace_id": "0" * 32, "span_id": "short"},
    {"other": "text", "trace_id": "zz" * 16},
]


@pytest.mark.parametrize("seed", range(60))
def test_a_2_0_request_becomes_what_the_reference_says(seed: int) -> None:
    choose = random.Random(seed)
    builder = V2Builder()
    series = []
    for _ in range(choose.randrange(12)):
        labels = _labels(choose)
        family = (choose.randrange(8), choose.choice(["", "Help ñ."]), choose.choice(["", "seconds"]))
        created = choose.choice([0, 1_600_000_000_000])
        made = builder.series(labels, *family, created)
        _fill(choose, made, lambda one: one.labels_refs.extend(builder.refs(choose.choice(_EXEMPLAR_LABELS))))
        series.append(
            (list(labels.items()), made, family, created, lambda one: _resolved(builder.request, one.labels_refs))
        )
    result = converted(Version.V2, builder.request)
    assert reference.points(result.body) == reference.expected(series)
    _check_counts(result, [made for _, made, *_ in series])


@pytest.mark.parametrize("seed", range(60))
def test_a_1_0_request_becomes_what_the_reference_says(seed: int) -> None:
    choose = random.Random(seed)
    request = V1["WriteRequest"]()
    series = []
    known = {name: (choose.randrange(1, 8), "Help.", "unit") for name in ("up", "rpc_seconds_bucket", "ñ.x")}
    for _ in range(choose.randrange(12)):
        labels = _labels(choose)
        made = v1_series(request, labels)

        def put(one: Any) -> None:
            one.labels.extend(
                V1["Label"](name=key, value=text) for key, text in choose.choice(_EXEMPLAR_LABELS).items()
            )

        _fill(choose, made, put)
        family = known.get(labels["__name__"], (0, "", ""))
        series.append(
            (list(labels.items()), made, family, 0, lambda one: [(each.name, each.value) for each in one.labels])
        )

    def family_of(name: bytes) -> Family | None:
        found = known.get(name.decode())
        return Family(name, MetricType(found[0]), found[1].encode(), found[2].encode()) if found else None

    result = converted(Version.V1, request, family_of=family_of)
    assert reference.points(result.body) == reference.expected(series)
    _check_counts(result, [made for _, made, *_ in series])


def _resolved(request: Any, refs: Any) -> list[tuple[str, str]]:
    texts = [request.symbols[ref] for ref in refs]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _check_counts(result: Converted, series: list[Any]) -> None:
    sent = [sum(len(getattr(each, name)) for each in series) for name in ("samples", "histograms", "exemplars")]
    lost = [sum(counts[item] for counts in result.rejected.values()) for item in Item]
    assert [written + rejected for written, rejected in zip(result.written, lost, strict=True)] == sent


def _one(version: Version, pairs: list[tuple[str, str]]) -> Any:
    if version is Version.V1:
        request = V1["WriteRequest"]()
        series = request.timeseries.add(labels=[V1["Label"](name=key, value=text) for key, text in pairs])
    else:
        builder = V2Builder()
        series = builder.request.timeseries.add(labels_refs=builder.refs(pairs))
        request = builder.request
    series.samples.add(value=1, timestamp=1)
    return request


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([("__name__", "up")], None),
        ([("job", "x"), ("__name__", "up")], None),
        ([], Reason.NAME),
        ([("job", "x")], Reason.NAME),
        ([("__name__", "")], Reason.NAME),
        ([("__name__", "up"), ("", "x")], Reason.LABELS),
        ([("__name__", "up"), ("a", "x"), ("a", "x")], Reason.LABELS),
        ([("__name__", "up"), ("a", "x"), ("a", "y")], Reason.LABELS),
        ([("z", "1"), ("a", "x"), ("__name__", "up"), ("z", "1")], Reason.LABELS),
        ([("__name__", "up"), *((f"l{number:04}", "x") for number in range(1023))], None),
        ([("__name__", "up"), *((f"l{number:04}", "x") for number in range(1024))], Reason.LABELS),
    ],
)
def test_a_series_with_wrong_labels_is_left_out_and_the_rest_is_kept(
    version: Version, pairs: list[tuple[str, str]], reason: Reason | None
) -> None:
    request = _one(version, pairs)
    result = converted(version, request)
    assert result.rejected == ({reason: (1, 0, 0)} if reason is not None else {})
    assert result.written == (0 if reason is not None else 1, 0, 0)
    assert bool(result.body) == (reason is None)


@pytest.mark.parametrize(
    ("refs", "help_ref", "reason"),
    [
        ([1, 2], 0, None),
        ([1], 0, Reason.REFERENCE),
        ([1, 2, 1], 0, Reason.REFERENCE),
        ([1, 3], 0, Reason.REFERENCE),
        ([1, 0xFFFFFFFF], 0, Reason.REFERENCE),
        ([1, 2], 3, Reason.REFERENCE),
    ],
)
def test_references_must_be_in_pairs_and_within_the_symbols(
    refs: list[int], help_ref: int, reason: Reason | None
) -> None:
    request = V2["Request"](symbols=["", "__name__", "up"])
    series = request.timeseries.add(labels_refs=refs)
    series.metadata.help_ref = help_ref
    series.samples.add(value=1, timestamp=1)
    assert converted(Version.V2, request).rejected == ({reason: (1, 0, 0)} if reason is not None else {})


def test_the_first_symbol_must_be_empty() -> None:
    with pytest.raises(Malformed, match="first symbol"):
        converted(Version.V2, V2["Request"](symbols=["x", ""]))


@pytest.mark.parametrize("version", Version)
def test_a_label_that_is_not_utf8_takes_only_its_series_out(version: Version) -> None:
    body = _one(version, [("__name__", "up"), ("a", "~~~~")]).SerializeToString().replace(b"~~~~", b"\xff\xfe~~")
    assert converted(version, body).rejected == {Reason.UTF8: (1, 0, 0)}


def test_series_of_one_target_and_metric_share_their_messages() -> None:
    builder = V2Builder()
    for number in range(6):
        labels = {"__name__": f"m{number % 2}", "instance": f"i{number % 3 == 0}", "job": "j", "n": str(number)}
        builder.series(labels, 2, "Help.").samples.add(value=number, timestamp=1)
    request = reference.ExportMetricsServiceRequest.FromString(converted(Version.V2, builder.request).body)
    assert len(request.resource_metrics) == 2
    metrics = [metric for each in request.resource_metrics for metric in each.scope_metrics[0].metrics]
    assert sorted(len(metric.gauge.data_points) for metric in metrics) == [1, 1, 2, 2]


def test_counts_that_are_no_whole_numbers_keep_prometheus_own_message_beside_the_rounded_ones() -> None:
    builder = V2Builder()
    histogram = builder.series({"__name__": "h"}).histograms.add(count_float=2.5, timestamp=1, sum=4.0)
    histogram.positive_spans.add(offset=1, length=1)
    histogram.positive_counts.append(2.5)
    body = converted(Version.V2, builder.request).body
    assert histogram.SerializeToString() in body


def test_a_result_that_would_be_too_large_is_refused_before_it_is_made() -> None:
    builder = V2Builder()
    series = builder.series({"__name__": "m", "long": "x" * 100_000})
    for number in range(2000):
        series.samples.add(value=number, timestamp=number)
    with pytest.raises(TooLarge):
        converted(Version.V2, builder.request)


def test_buckets_over_a_gap_wider_than_the_limit_are_refused() -> None:
    builder = V2Builder()
    histogram = builder.series({"__name__": "h"}).histograms.add(count_int=2, timestamp=1)
    for offset in (0, 1 << 30):
        histogram.positive_spans.add(offset=offset, length=1)
    histogram.positive_deltas.extend([1, 0])
    assert converted(Version.V2, builder.request).rejected == {Reason.HISTOGRAM: (0, 1, 0)}


def test_masses_of_empty_series_are_refused() -> None:
    with pytest.raises(Malformed, match="empty series"):
        converted(Version.V1, b"\x0a\x00" * 100_000)


def test_metadata_of_1_0_is_read() -> None:
    request = V1["WriteRequest"]()
    request.metadata.add(type=1, metric_family_name="a_total", help="Help.", unit="s")
    request.metadata.add(type=99, metric_family_name="b")
    assert converted(Version.V1, request).families == [
        Family(b"a_total", MetricType.COUNTER, b"Help.", b"s"),
        Family(b"b", MetricType.UNKNOWN),
    ]


@pytest.mark.parametrize("version", Version)
def test_mutated_requests_never_crash_and_are_refused_where_protobuf_refuses_them(version: Version) -> None:
    choose = random.Random(7)
    builder, request = V2Builder(), V1["WriteRequest"]()
    for _ in range(8):
        labels = _labels(choose)
        _fill(
            choose,
            builder.series(labels, 1, "h", "u", 5),
            lambda one: one.labels_refs.extend(builder.refs(_EXEMPLAR_LABELS[1])),
        )
        _fill(choose, v1_series(request, labels), lambda one: None)
    root = V1["WriteRequest"] if version is Version.V1 else V2["Request"]
    body = (request if version is Version.V1 else builder.request).SerializeToString()
    kept = 0
    for _ in range(4000):
        data = bytearray(body)
        for _ in range(choose.randrange(1, 4)):
            at = choose.randrange(len(data))
            change = choose.random()
            if change < 0.6:
                data[at] = choose.randrange(256)
            elif change < 0.8:
                del data[at : at + choose.randrange(1, 5)]
            else:
                data[at:at] = bytes(choose.randrange(256) for _ in range(3))
        try:
            result = converted(version, bytes(data))
        except Malformed as error:
            if "symbol" not in str(error):
                with pytest.raises(DecodeError):
                    root.FromString(bytes(data))
            continue
        except TooLarge:
            continue
        kept += 1
        reference.points(result.body)
    assert kept > 100
