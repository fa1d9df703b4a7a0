"""What should be stored of a request, said again from protobuf objects: slow, plain, and sharing no code with the rows.

Rows are dicts of plain values; times are integers, ids hexadecimal, floats their bits where NaN matters.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from tests.processor.requests import bits

LAST = 2**63 - 1
STALE = 0x7FF0000000000002
Row = dict[str, Any]


def text_of(value: Any) -> tuple[str, bool]:
    """(text, whether it is JSON) of an AnyValue."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value, False
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode(), False
    if kind == "double_value" and not math.isfinite(value.double_value):
        return spelled(value.double_value), False
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False), True


def spelled(number: float) -> str:
    return "NaN" if math.isnan(number) else ("+Inf" if number > 0 else "-Inf")


def plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: plain(each.value) for each in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    number = getattr(value, kind)
    if kind == "double_value":
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    return number


def maps(prefix: str, attributes: Iterable[Any]) -> Row:
    texts = {each.key: text_of(each.value) for each in attributes}
    return {
        prefix: {key: text for key, (text, _) in texts.items()},
        f"{prefix}_json": [key for key, (_, is_json) in texts.items() if is_json],
    }


def service_of(resource: Any) -> str:
    return next((each.value.string_value for each in resource.attributes if each.key == "service.name"), "") or (
        "unknown_service"
    )


def scope_of(scope: Any) -> Row:
    return {"scope_name": scope.name, "scope_version": scope.version, **maps("scope_attributes", scope.attributes)}


def spans(request: Any) -> Iterator[Row]:
    for group in request.resource_spans:
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield {**scope_of(scoped.scope), "service": service_of(group.resource), **span_of(span)}


def span_of(span: Any) -> Row:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    return {
        "time": min(start, LAST),
        "duration_ns": min(max(end - start, 0), LAST),
        "trace_id": (span.trace_id or bytes(16)).hex(),
        "span_id": (span.span_id or bytes(8)).hex(),
        "parent_id": (span.parent_span_id or bytes(8)).hex(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "status": span.status.code,
        "status_message": span.status.message,
        "adjusted_count": {"ot=th:c": 4.0, "vendor=1,ot=rv:abcdef01234567;th:8": 2.0}.get(span.trace_state, 1.0),
        **maps("attributes", span.attributes),
        "events_time": [event.time_unix_nano for event in span.events],
        "events_name": [event.name for event in span.events],
        "events_attributes": [maps("m", event.attributes)["m"] for event in span.events],
        "events_attributes_json": [maps("m", event.attributes)["m_json"] for event in span.events],
        "links_trace_id": [link.trace_id.hex() for link in span.links],
        "links_span_id": [link.span_id.hex() for link in span.links],
        "links_trace_state": [link.trace_state for link in span.links],
        "links_attributes": [maps("m", link.attributes)["m"] for link in span.links],
        "links_attributes_json": [maps("m", link.attributes)["m_json"] for link in span.links],
    }


def trace_index(records: Iterable[tuple[int, Any]]) -> list[Row]:
    """Rows for (offset, request) records of one tenant and class in one window."""
    traces: dict[str, Row] = {}
    for offset, request in records:
        for row in spans(request):
            begin, finish = row["time"], min(row["time"] + row["duration_ns"], LAST)
            trace = traces.setdefault(
                row["trace_id"],
                {
                    "trace_id": row["trace_id"],
                    "min_time": begin,
                    "max_time": finish,
                    "spans": 0,
                    "first_offset": offset,
                },
            )
            trace["min_time"], trace["max_time"] = min(trace["min_time"], begin), max(trace["max_time"], finish)
            trace["spans"] += 1
            trace["last_offset"] = offset
    return list(traces.values())


def logs(request: Any, append_ns: int) -> Iterator[Row]:
    for group in request.resource_logs:
        for scoped in group.scope_logs:
            for record in scoped.log_records:
                body, body_json = text_of(record.body) if record.HasField("body") else ("", False)
                yield {
                    **scope_of(scoped.scope),
                    "service": service_of(group.resource),
                    "time": record.time_unix_nano or record.observed_time_unix_nano or append_ns,
                    "observed_time": record.observed_time_unix_nano,
                    "trace_id": (record.trace_id or bytes(16)).hex(),
                    "span_id": (record.span_id or bytes(8)).hex(),
                    "flags": record.flags,
                    "severity_number": record.severity_number,
                    "severity_text": record.severity_text,
                    "event_name": record.event_name,
                    "body": body,
                    "body_json": body_json,
                    **maps("attributes", record.attributes),
                }


NAMES = {
    ("http.requests", ""): "http_requests",
    ("http.requests", "1"): "http_requests",
    ("http.requests", "ms"): "http_requests_milliseconds",
    ("http.requests", "By/s"): "http_requests_bytes_per_second",
    ("queue.depth", ""): "queue_depth",
    ("queue.depth", "1"): "queue_depth",
    ("queue.depth", "ms"): "queue_depth_milliseconds",
    ("queue.depth", "By/s"): "queue_depth_bytes_per_second",
    ("2xx", ""): "_2xx",
    ("2xx", "1"): "_2xx",
    ("2xx", "ms"): "_2xx_milliseconds",
    ("2xx", "By/s"): "_2xx_bytes_per_second",
    ("größe", ""): "gr_e",
    ("größe", "1"): "gr_e",
    ("größe", "ms"): "gr_e_milliseconds",
    ("größe", "By/s"): "gr_e_bytes_per_second",
}


def samples(request: Any) -> Iterator[Row]:
    """Samples with their series' metadata in place of its id; without target_info."""
    for metric, labels, kind, point in points(request):
        data = getattr(metric, kind)
        counter = kind == "sum" and data.is_monotonic
        for suffix, extra, value in parts(kind, point):
            yield {
                "metric": family(metric, kind, counter) + suffix,
                "labels": {**labels, **extra},
                "type": {"sum": "counter" if counter else "gauge"}.get(kind, kind),
                "unit": metric.unit,
                "temporality": temporality_of(data),
                "time": point.time_unix_nano // 1_000_000,
                "value": STALE if point.flags & 1 else bits(value),
            }


def temporality_of(data: Any) -> str:
    return {1: "delta", 2: "cumulative"}.get(getattr(data, "aggregation_temporality", 0), "")


def histograms(request: Any) -> Iterator[Row]:
    """Exponential histograms with their series' metadata in place of its id."""
    for metric, labels, kind, point in points(request):
        if kind == "exponential_histogram":
            yield {
                "metric": family(metric, kind, False),
                "labels": labels,
                "type": "histogram",
                "unit": metric.unit,
                "temporality": temporality_of(metric.exponential_histogram),
                "time": point.time_unix_nano // 1_000_000,
                "count": point.count,
                "sum": STALE if point.flags & 1 else bits(point.sum),
                "scale": min(max(point.scale, -128), 127),
                "zero_threshold": point.zero_threshold,
                "zero_count": point.zero_count,
                "positive_offset": point.positive.offset,
                "positive_counts": list(point.positive.bucket_counts),
                "negative_offset": point.negative.offset,
                "negative_counts": list(point.negative.bucket_counts),
            }


def exemplars(request: Any) -> Iterator[Row]:
    for metric, labels, kind, point in points(request):
        for exemplar in getattr(point, "exemplars", ()):
            value = float(getattr(exemplar, exemplar.WhichOneof("value")))
            name, extra = family(metric, kind, kind == "sum" and metric.sum.is_monotonic), {}
            if kind == "histogram":
                fits = [bound for bound in point.explicit_bounds if value <= bound]
                name, extra = f"{name}_bucket", {"le": f"{fits[0]:g}" if fits else "+Inf"}
            yield {
                "metric": name,
                "labels": {**labels, **extra},
                "time": exemplar.time_unix_nano // 1_000_000,
                "value": bits(value),
                "trace_id": exemplar.trace_id.hex(),
                "span_id": exemplar.span_id.hex(),
                **maps("attributes", exemplar.filtered_attributes),
            }


def family(metric: Any, kind: str, counter: bool) -> str:
    name = NAMES[metric.name, metric.unit]
    return name + ("_total" if counter else "_ratio" if kind == "gauge" and metric.unit == "1" else "")


def points(request: Any) -> Iterator[tuple[Any, dict[str, str], str, Any]]:
    for group in request.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    yield metric, labels_of(group.resource, scoped.scope, point), kind, point


def target(resource: Any) -> dict[str, str]:
    said = {each.key: text_of(each.value)[0] for each in resource.attributes}
    name, namespace = said.get("service.name", ""), said.get("service.namespace", "")
    job = f"{namespace}/{name}" if namespace and name else name
    return {key: text for key, text in (("job", job), ("instance", said.get("service.instance.id", ""))) if text}


def labels_of(resource: Any, scope: Any, point: Any) -> dict[str, str]:
    labels = {key.replace(".", "_").replace("ö", "_").replace("ß", "_"): text for key, text in texts(point.attributes)}
    labels |= {f"otel_scope_{key}": text for key, text in texts(scope.attributes)}
    labels |= {"otel_scope_name": scope.name, "otel_scope_version": scope.version} | target(resource)
    return {key: text for key, text in labels.items() if text}


def texts(attributes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for each in attributes:
        yield each.key, text_of(each.value)[0]


def parts(kind: str, point: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    if kind == "exponential_histogram":
        return
    if kind in ("gauge", "sum"):
        yield "", {}, float(getattr(point, point.WhichOneof("value")))
        return
    yield "_count", {}, float(point.count)
    if kind == "summary" or point.HasField("sum"):
        yield "_sum", {}, point.sum
    if kind == "histogram":
        running = 0
        for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
            running += count
            yield "_bucket", {"le": f"{bound:g}"}, float(running)
        yield "_bucket", {"le": "+Inf"}, float(point.count)
    if kind == "summary":
        for quantile in point.quantile_values:
            yield "", {"quantile": f"{quantile.quantile:g}"}, quantile.value


def target_infos(request: Any) -> Iterator[Row]:
    """`target_info` samples of one request that is alone in its window."""
    latest: dict[bytes, tuple[Any, int]] = {}
    for group in request.resource_metrics:
        times = [
            point.time_unix_nano
            for scoped in group.scope_metrics
            for metric in scoped.metrics
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]
        key = group.resource.SerializeToString()
        latest[key] = group.resource, max([latest.get(key, (None, 0))[1], *times])
    for resource, time in latest.values():
        others = {
            each.key.replace(".", "_"): text_of(each.value)[0]
            for each in resource.attributes
            if each.key not in ("service.name", "service.namespace", "service.instance.id")
        }
        if target(resource) and others:
            yield {"labels": {**others, **target(resource)}, "time": time // 1_000_000}
