"""Random OTLP requests, made with the official protobuf library, and records of a log that hold them."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelhouse.bus.contract import Record
from schema.record import Framing
from schema.signal import Signal

T0 = 1_700_000_000_000_000_000
BOUNDS = (0.005, 0.01, 0.5, 1.0, 2.5)

Export = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest


def record(
    signal: Signal,
    offset: int,
    request: Message | bytes,
    tenant: str = "acme",
    retention_class: int = 0,
    append_ms: int = 0,
) -> Record:
    """A data record that holds a request."""
    value = request if isinstance(request, bytes) else request.SerializeToString(deterministic=True)
    framing = Framing(tenant=tenant, items=1, accepted_minute=0, retention_class=retention_class)
    return Record(signal.topic, 0, offset, append_ms, framing.headers(), value)


def request(signal: Signal, rng: random.Random, items: int = 3) -> Export:
    """A request of about `items` items, with odd values among the usual ones."""
    return {Signal.TRACES: traces, Signal.METRICS: metrics, Signal.LOGS: logs}[signal](rng, items)


def traces(rng: random.Random, items: int) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for _ in range(rng.randint(1, 2)):
        group = made.resource_spans.add(resource=resource(rng), schema_url=rng.choice(("", "https://schema/1.2")))
        scope = group.scope_spans.add()
        _fill_scope(rng, scope.scope)
        scope.spans.extend(_span(rng) for _ in range(items))
    return made


def logs(rng: random.Random, items: int) -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    scope = made.resource_logs.add(resource=resource(rng)).scope_logs.add()
    _fill_scope(rng, scope.scope)
    for _ in range(items):
        scope.log_records.add(
            time_unix_nano=rng.choice((0, T0 + rng.randrange(10**12))),
            observed_time_unix_nano=rng.choice((0, T0 + rng.randrange(10**12))),
            severity_number=rng.randint(0, 24),
            severity_text=rng.choice(("", "INFO", "ERROR")),
            body=value(rng) if rng.random() < 0.8 else None,
            attributes=attributes(rng),
            flags=rng.choice((0, 1)),
            trace_id=_id(rng, 16),
            span_id=_id(rng, 8),
            event_name=rng.choice(("", "login")),
        )
    return made


def metrics(rng: random.Random, items: int) -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    for _ in range(2):
        scope = made.resource_metrics.add(resource=resource(rng)).scope_metrics.add()
        _fill_scope(rng, scope.scope)
        scope.metrics.extend(_metric(rng) for _ in range(items))
    return made


def resource(rng: random.Random) -> Resource:
    made = Resource()
    if rng.random() < 0.9:
        made.attributes.append(
            KeyValue(key="service.name", value=AnyValue(string_value=rng.choice(("shop", "cart", ""))))
        )
    if rng.random() < 0.5:
        made.attributes.append(KeyValue(key="service.namespace", value=AnyValue(string_value="demo")))
    if rng.random() < 0.5:
        made.attributes.append(
            KeyValue(key="service.instance.id", value=AnyValue(string_value=f"i{rng.randint(0, 2)}"))
        )
    if rng.random() < 0.7:
        made.attributes.append(KeyValue(key="host.name", value=AnyValue(string_value=f"h{rng.randint(0, 2)}")))
        made.attributes.append(KeyValue(key="process.pid", value=AnyValue(int_value=rng.randint(1, 3))))
    return made


def attributes(rng: random.Random, most: int = 4) -> list[KeyValue]:
    keys = rng.sample(("http.method", "http.route", "user.id", "retry", "ratio", "tags", "größe"), rng.randint(0, most))
    return [KeyValue(key=key, value=value(rng)) for key in keys]


def value(rng: random.Random) -> AnyValue:
    made = AnyValue()
    kind = rng.randint(0, 6)
    if kind == 0:
        made.string_value = rng.choice(("", "GET", "ünïcode", 'a "quoted" \\ line\n'))
    elif kind == 1:
        made.bool_value = rng.random() < 0.5
    elif kind == 2:
        made.int_value = rng.choice((0, -1, 7, 2**63 - 1, -(2**63)))
    elif kind == 3:
        made.double_value = rng.choice((0.0, 1.5, -2.25, 1e300, float("nan"), float("inf"), float("-inf")))
    elif kind == 4:
        made.bytes_value = rng.randbytes(rng.randint(0, 5))
    elif kind == 5:
        made.array_value.values.extend((AnyValue(int_value=1), AnyValue(string_value="x")))
    else:
        made.kvlist_value.values.append(KeyValue(key="deep", value=AnyValue(bool_value=True)))
    return made


def _fill_scope(rng: random.Random, scope: Any) -> None:
    scope.name, scope.version = rng.choice((("", ""), ("lib.http", "1.2"), ("lib.db", "")))
    if rng.random() < 0.3:
        scope.attributes.append(KeyValue(key="team", value=AnyValue(string_value="core")))


def _id(rng: random.Random, width: int) -> bytes:
    return rng.choice((b"", rng.randbytes(width), rng.randbytes(width), bytes([rng.randint(1, 3)]) * width))


def _span(rng: random.Random) -> Span:
    start = rng.choice((0, T0 + rng.randrange(10**12), T0, 2**64 - 1))
    end = rng.choice((0, start + rng.randrange(10**9) if start < 2**63 else start))
    made = Span(
        trace_id=rng.choice((rng.randbytes(16), bytes([rng.randint(1, 3)]) * 16)),
        span_id=rng.randbytes(8),
        parent_span_id=_id(rng, 8),
        trace_state=rng.choice(("", "ot=th:c", "vendor=1,ot=rv:abcdef01234567;th:8", "ot=th:zz", "ot=th:0")),
        name=rng.choice(("GET /", "SELECT", "")),
        kind=rng.randint(0, 5),
        flags=rng.choice((0, 1, 0x301)),
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=attributes(rng),
    )
    made.status.code = rng.randint(0, 2)
    made.status.message = rng.choice(("", "it broke"))
    for _ in range(rng.choice((0, 0, 1, 2))):
        made.events.add(time_unix_nano=T0 + 5, name=rng.choice(("exception", "")), attributes=attributes(rng, 2))
    for _ in range(rng.choice((0, 0, 1))):
        made.links.add(
            trace_id=rng.randbytes(16), span_id=rng.randbytes(8), trace_state="a=b", attributes=attributes(rng, 2)
        )
    return made


def _metric(rng: random.Random) -> Metric:
    made = Metric(
        name=rng.choice(("http.requests", "queue.depth", "2xx", "größe")), unit=rng.choice(("", "1", "ms", "By/s"))
    )
    kind = rng.choice(("gauge", "sum", "histogram", "exponential_histogram", "summary"))
    data = getattr(made, kind)
    if kind in ("sum", "histogram", "exponential_histogram"):
        data.aggregation_temporality = rng.choice((1, 2))
    if kind == "sum":
        data.is_monotonic = rng.random() < 0.5
    for _ in range(rng.randint(1, 3)):
        _fill_point(rng, kind, data.data_points.add())
    data.SetInParent()
    return made


def _fill_point(rng: random.Random, kind: str, put: Any) -> None:
    put.attributes.extend(attributes(rng, 2))
    put.time_unix_nano = T0 + rng.randrange(10**10)
    put.flags = rng.choice((0, 0, 0, 1))
    if kind in ("gauge", "sum"):
        if rng.random() < 0.5:
            put.as_int = rng.choice((0, -5, 2**60))
        else:
            put.as_double = rng.choice((0.5, float("nan"), float("inf")))
    else:
        put.count = rng.randint(0, 50)
        if kind == "summary" or rng.random() < 0.8:
            put.sum = rng.random() * 10
    if kind == "histogram" and rng.random() < 0.9:
        bounds = BOUNDS[: rng.choice((1, 3, 5))]
        put.explicit_bounds.extend(bounds)
        put.bucket_counts.extend(rng.randint(0, 9) for _ in range(len(bounds) + 1))
    if kind == "exponential_histogram":
        put.scale, put.zero_count, put.zero_threshold = rng.choice((-4, 0, 3, 20, 999)), rng.randint(0, 9), rng.random()
        for side in rng.sample((put.positive, put.negative), rng.randrange(3)):
            side.offset = rng.randint(-100, 100)
            side.bucket_counts.extend(rng.choice((0, 1, 2**40)) for _ in range(rng.randrange(6)))
    if kind == "summary":
        for quantile in rng.sample((0.0, 0.5, 0.99, 1.0), rng.randint(0, 3)):
            put.quantile_values.add(quantile=quantile, value=rng.random())
    if kind != "summary":
        put.exemplars.extend(_exemplar(rng) for _ in range(rng.choice((0, 0, 2))))


def _exemplar(rng: random.Random) -> Exemplar:
    made = Exemplar(time_unix_nano=T0 + rng.randrange(10**10), trace_id=rng.randbytes(16), span_id=rng.randbytes(8))
    if rng.random() < 0.5:
        made.as_int = rng.randint(0, 3)
    else:
        made.as_double = rng.choice((0.005, 0.7, 99.0))
    made.filtered_attributes.extend(attributes(rng, 1))
    return made


def bits(number: float) -> int:
    """A float's bits: NaNs compare by them."""
    return int(struct.unpack("<Q", struct.pack("<d", number))[0])


def parsed(signal: Signal, values: Sequence[bytes]) -> list[Export]:
    """Requests of a signal, by the official library."""
    kind: Any = {
        Signal.TRACES: ExportTraceServiceRequest,
        Signal.METRICS: ExportMetricsServiceRequest,
        Signal.LOGS: ExportLogsServiceRequest,
    }[signal]
    return [kind.FromString(each) for each in values]
