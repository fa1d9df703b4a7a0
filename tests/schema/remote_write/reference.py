"""The mapping of docs/remote-write.md in plain Python, over messages that the protobuf library has parsed.

Both `expected()` of a request and `points()` of an OTLP result give a sorted list of texts, one a data point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.support.remote_write import STALE_BITS

TYPES = ["", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"]
MAX_MS = (2**63 - 1) // 1_000_000
Family = tuple[int, str, str]


def bits(value: float) -> int:
    """A double's 64 bits."""
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _resource(job: str, instance: str) -> list[tuple[str, str]]:
    namespace, slash, name = job.partition("/")
    pairs = [("service.namespace", namespace), ("service.name", name)]
    if not (slash and namespace and name):
        pairs = [("service.name", job)]
    return sorted((key, text) for key, text in [*pairs, ("service.instance.id", instance)] if text)


def _exemplar(labels: list[tuple[str, str]], value: float, ms: int, point_ms: int) -> tuple[Any, ...]:
    trace = span = b""
    rest = []
    for key, text in labels:
        data = _hex(text)
        if key == "trace_id" and len(text) == 32 and any(data):
            trace = data
        elif key == "span_id" and len(text) == 16 and any(data):
            span = data
        else:
            rest.append((key, text))
    return trace.hex(), span.hex(), bits(value), (ms or point_ms) * 1_000_000, tuple(sorted(rest))


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


def _counts(spans: Any, deltas: Any, floats: Any, absolute: bool) -> tuple[int, list[float]] | None:
    values = list(floats)
    if deltas:
        total = 0
        for delta in deltas:
            total += delta
            values.append(total)
    if any(value < 0 for value in values) or sum(span.length for span in spans) != len(values):
        return None
    counts: list[float] = []
    for number, span in enumerate(spans):
        offset = span.offset if number or absolute else 0
        if offset < 0:
            return None
        counts += [0] * offset + values[: span.length]
        del values[: span.length]
    return (spans[0].offset if spans else 0), counts


def _histogram(each: Any, created: int) -> tuple[str, dict[str, Any]] | None:
    custom = each.schema == -53
    is_float = each.WhichOneof("count") == "count_float"
    deltas, floats = each.positive_deltas or each.negative_deltas, each.positive_counts or each.negative_counts
    if (deltas if is_float else floats) or not (custom or -4 <= each.schema <= 8) or not 0 <= each.timestamp <= MAX_MS:
        return None
    positive = _counts(each.positive_spans, each.positive_deltas, each.positive_counts, custom)
    negative = _counts(each.negative_spans, each.negative_deltas, each.negative_counts, custom)
    if positive is None or negative is None:
        return None
    zero = each.zero_count_float if is_float else each.zero_count_int
    stale = bits(each.sum) == STALE_BITS
    start = getattr(each, "start_timestamp", 0) or created or (each.timestamp if each.reset_hint == 1 else 0)
    point: dict[str, Any] = {
        "time": each.timestamp * 1_000_000,
        "start": start * 1_000_000,
        "count": round(each.count_float if is_float else each.count_int),
        "sum": 0 if stale else bits(each.sum),
        "flags": int(stale),
    }
    if custom:
        bounds = list(each.custom_values)
        if negative[1] or zero or len(positive[1]) > len(bounds) + 1 or bounds != sorted(set(bounds)):
            return None
        whole = [round(value) for value in positive[1]]
        point["buckets"] = [] if stale else whole + [0] * (len(bounds) + 1 - len(whole))
        point["bounds"] = [] if stale else bounds
    else:
        point["zero_threshold"] = each.zero_threshold
        if not stale:
            point["scale"], point["zero"] = each.schema, round(zero)
            for side, (offset, counts) in (("positive", positive), ("negative", negative)):
                point[side] = (offset - 1, [round(value) for value in counts]) if counts else (0, [])
    kind = "histogram" if custom else "exponential_histogram"
    return f"{kind} {0 if each.reset_hint == 3 else 2}", point


def expected(
    series: list[tuple[list[tuple[str, str]], Any, Family, int, Callable[[Any], list[tuple[str, str]]]]],
) -> list[str]:
    """Points of series: labels, message, family (type, help, unit), created time (ms), labels of an exemplar."""
    found = []
    for pairs, each, (type_, help_, unit), created, labels_of in series:
        labels = dict(pairs)
        if not labels.get("__name__") or len(labels) < len(pairs) or "" in labels:
            continue
        name = labels["__name__"]
        rest = {key: text for key, text in labels.items() if text and key not in ("__name__", "job", "instance")}
        head = {
            "resource": _resource(labels.get("job", ""), labels.get("instance", "")),
            "metric": (name, unit, help_, TYPES[type_]),
            "attributes": sorted(rest.items()),
        }
        points: list[tuple[str, dict[str, Any]]] = []
        exemplars = [one for one in each.exemplars if 0 <= one.timestamp <= MAX_MS]
        data = "gauge"
        if type_ == 1 or (
            type_ in (3, 5) and name.endswith(("_bucket", "_count")) and not name.startswith(("_bucket", "_count"))
        ):
            data = "sum 2 True"
        elif type_ in (3, 5) and name.endswith("_sum") and name != "_sum":
            data = "sum 2 False"
        for sample in each.samples:
            if 0 <= sample.timestamp <= MAX_MS:
                stale = bits(sample.value) == STALE_BITS
                start = 0 if data == "gauge" else getattr(sample, "start_timestamp", 0) or created
                point = {"time": sample.timestamp * 1_000_000, "start": start * 1_000_000, "flags": int(stale)}
                points.append((data, point | {"value": None if stale else bits(sample.value)}))
        kinds: dict[str, list[dict[str, Any]]] = {}
        for histogram in each.histograms:
            made = _histogram(histogram, created)
            if made:
                kinds.setdefault(made[0], []).append(made[1])
        order = ("exponential_histogram 2", "exponential_histogram 0", "histogram 2", "histogram 0")
        bearer = points[-1] if points else next(((kind, kinds[kind][-1]) for kind in order if kind in kinds), None)
        if bearer is None and exemplars:
            latest = max(one.timestamp for one in exemplars)
            bearer = (data, {"time": latest * 1_000_000, "start": 0, "flags": 0, "value": None})
            points.append(bearer)
        for kind, made_points in kinds.items():
            points += [(kind, point) for point in made_points]
        if bearer is not None and exemplars:
            ms = bearer[1]["time"] // 1_000_000 if each.samples or kinds else 0
            if (
                bearer[0] in ("gauge", "sum 2 True", "sum 2 False")
                and bearer[1]["value"] is None
                and not bearer[1]["flags"]
            ):
                ms = 0
            bearer[1]["exemplars"] = [_exemplar(labels_of(one), one.value, one.timestamp, ms) for one in exemplars]
        found += [_text(head | {"kind": kind} | point) for kind, point in points]
    return sorted(found)


def points(body: bytes) -> list[str]:
    """The same of an OTLP request."""
    request = ExportMetricsServiceRequest.FromString(body)
    found = []
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            assert scope.scope.name == "otelhouse.remote_write"
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                traits = [kind]
                if kind != "gauge":
                    traits.append(str(data.aggregation_temporality))
                if kind == "sum":
                    traits.append(str(data.is_monotonic))
                type_ = {pair.key: pair.value.string_value for pair in metric.metadata}.get("prometheus.type", "")
                head = {
                    "resource": _pairs(resource.resource.attributes),
                    "metric": (metric.name, metric.unit, metric.description, type_),
                    "kind": " ".join(traits),
                }
                assert data.data_points, "a metric without points"
                found += [_text(head | _point(kind, point)) for point in data.data_points]
    return sorted(found)


def _pairs(attributes: Any) -> list[tuple[str, str]]:
    return sorted((pair.key, pair.value.string_value) for pair in attributes)


def _point(kind: str, point: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "attributes": _pairs(point.attributes),
        "time": point.time_unix_nano,
        "start": point.start_time_unix_nano,
        "flags": point.flags,
    }
    if point.exemplars:
        made["exemplars"] = [
            (
                one.trace_id.hex(), one.span_id.hex(), bits(one.as_double), one.time_unix_nano,
                tuple(_pairs(one.filtered_attributes)),
            )
            for one in point.exemplars
        ]  # fmt: skip
    if kind in ("gauge", "sum"):
        return made | {"value": bits(point.as_double) if point.WhichOneof("value") else None}
    made |= {"count": point.count, "sum": bits(point.sum)}
    if kind == "histogram":
        return made | {"buckets": list(point.bucket_counts), "bounds": list(point.explicit_bounds)}
    made["zero_threshold"] = point.zero_threshold
    if not point.flags:
        made["scale"], made["zero"] = point.scale, point.zero_count
        for side in ("positive", "negative"):
            buckets = getattr(point, side)
            made[side] = (buckets.offset, list(buckets.bucket_counts))
    return made


def _text(point: dict[str, Any]) -> str:
    return repr(sorted(point.items()))
