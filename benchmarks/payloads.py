"""Requests like those that real SDKs send, as serialized bytes; the same seed gives the same bytes.

Spans: 11 attributes, about 452 bytes each; a trace has 8-20 spans in 3-6 services and so is spread over several
calls; a call holds the spans of one service, as an SDK sends them; 2 % of the traces hold an error, 5 % of the
spans an event. Logs: 5 attributes, three quarters with a trace id. Metrics: per call the gauges, sums and
histograms (15 buckets, one exemplar) of one service instance; sizes are counted in data points.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SERVICES = (
    "frontend", "cart", "checkout", "payment", "shipping", "email", "currency", "product-catalog", "recommendation",
    "ad",
)  # fmt: skip
SPAN_NAMES = ("GET /api/cart", "POST /api/checkout", "SELECT shop.orders", "HTTP GET", "oteldemo.Cart/GetCart")
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
MESSAGES = ("order %d placed", "cache miss for product %d", "retrying payment %d after timeout", "user %d logged in")
PERSONAL = (
    "mail to user%d@example.com bounced", "paid with 4111 1111 1111 1111 in order %d", "client 203.0.113.%d closed",
    "call +1 202-555-0143 ext %d", "ssn 123-45-6789 of case %d",
    "bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P%d",
)  # fmt: skip
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
SCOPE = ("opentelemetry.instrumentation.fastapi", "0.50b0")
INSTANCES = 3


def traces(
    spans_per_call: int, total: int, seed: int = 1, now_ns: int | None = None, personal: bool = False
) -> list[bytes]:
    """ExportTraceServiceRequests of `spans_per_call` spans, total // spans_per_call of them.

    Start times lie within the second after `now_ns`, Unix nanoseconds (None: the present). `personal`: 5 % of the spans
    hold an e-mail address, card, IP address, phone number, SSN or token, and one in 200 a password by its key.
    """
    rng = random.Random(seed)
    chance = random.Random(seed) if personal else None
    resources = _resources(rng)
    queues: dict[str, list[Span]] = {service: [] for service in SERVICES}
    calls: list[bytes] = []
    start = _now(now_ns)
    while len(calls) < total // spans_per_call:
        for service, span in _trace(rng, start):
            if chance is not None:
                _make_personal(span, chance)
            queue = queues[service]
            queue.append(span)
            if len(queue) == spans_per_call:
                request = ExportTraceServiceRequest()
                scope_spans = _envelope(request.resource_spans.add(), "scope_spans", rng.choice(resources[service]))
                scope_spans.spans.extend(queue)
                calls.append(request.SerializeToString())
                queue.clear()
    return calls[: total // spans_per_call]


def logs(records_per_call: int, total: int, seed: int = 1, now_ns: int | None = None) -> list[bytes]:
    """ExportLogsServiceRequests of `records_per_call` records, total // records_per_call of them."""
    rng = random.Random(seed)
    resources = _resources(rng)
    start = _now(now_ns)
    calls = []
    for _ in range(total // records_per_call):
        request = ExportLogsServiceRequest()
        resource = rng.choice(resources[rng.choice(SERVICES)])
        scope_logs = _envelope(request.resource_logs.add(), "scope_logs", resource)
        scope_logs.log_records.extend(_log(rng, start) for _ in range(records_per_call))
        calls.append(request.SerializeToString())
    return calls


def metrics(points_per_call: int, total: int, seed: int = 1, now_ns: int | None = None) -> list[bytes]:
    """ExportMetricsServiceRequests of `points_per_call` data points, total // points_per_call of them.

    Cumulative sums and histograms grow from call to call, as those of one process do.
    """
    rng = random.Random(seed)
    resources = [resource for instances in _resources(rng).values() for resource in instances]
    start = _now(now_ns)
    calls = []
    for number in range(total // points_per_call):
        resource = resources[number % len(resources)]
        tick = number // len(resources)
        request = ExportMetricsServiceRequest()
        scope_metrics = _envelope(request.resource_metrics.add(), "scope_metrics", resource)
        _fill_metrics(scope_metrics, rng, points_per_call, start, start + tick * 60_000_000_000, tick)
        calls.append(request.SerializeToString())
    return calls


def _now(now_ns: int | None) -> int:
    return time.time_ns() if now_ns is None else now_ns


def _value(value: str | bool | int | float) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def _attributes(**values: str | bool | int | float) -> list[KeyValue]:
    return [KeyValue(key=key.replace("__", "."), value=_value(value)) for key, value in values.items()]


def _resources(rng: random.Random) -> dict[str, list[list[KeyValue]]]:
    """Resource attributes of each service's instances."""
    return {service: [_resource(rng, service) for _ in range(INSTANCES)] for service in SERVICES}


def _resource(rng: random.Random, service: str) -> list[KeyValue]:
    return _attributes(
        service__name=service,
        service__version=f"1.2.{rng.randint(0, 5)}",
        service__instance__id=f"{rng.getrandbits(64):016x}",
        host__name=f"ip-10-0-{rng.randint(0, 3)}-{rng.randint(0, 255)}",
        k8s__pod__name=f"{service}-{rng.getrandbits(32):08x}",
        k8s__namespace__name="shop",
        telemetry__sdk__language="python",
        deployment__environment__name="prod",
        process__pid=rng.randint(1, 30000),
    )


def _envelope(resource_message: Any, scopes: str, attributes: list[KeyValue]) -> Any:
    resource_message.resource.attributes.extend(attributes)
    scope_message = getattr(resource_message, scopes).add()
    scope_message.scope.name, scope_message.scope.version = SCOPE
    return scope_message


def _trace(rng: random.Random, now: int) -> Iterator[tuple[str, Span]]:
    """(service, span) of one trace, the root first."""
    trace_id, count = rng.randbytes(16), rng.randint(8, 20)
    services = rng.sample(SERVICES, rng.randint(3, 6))
    start = now + rng.randrange(10**9)
    duration = rng.randint(500, 2000) * 10**6 if rng.random() < 0.03 else rng.randint(3, 450) * 10**6
    failed = rng.randrange(count) if rng.random() < 0.02 else -1
    ids = [rng.randbytes(8) for _ in range(count)]
    for i in range(count):
        first, last = (0, duration) if i == 0 else sorted((rng.randrange(duration), rng.randrange(duration)))
        span = Span(trace_id=trace_id, span_id=ids[i], name=rng.choice(SPAN_NAMES), kind=rng.randint(1, 5))
        if i:
            span.parent_span_id = ids[rng.randrange(i)]
        span.start_time_unix_nano, span.end_time_unix_nano = start + first, start + last
        span.attributes.extend(_span_attributes(rng, failed=i == failed))
        if i == failed:
            span.status.code, span.status.message = 2, "internal error"
        if rng.random() < 0.05:
            event = span.events.add(name="exception", time_unix_nano=start)
            event.attributes.extend(_attributes(exception__type="ValueError", exception__message="bad value"))
        yield services[0] if i == 0 else rng.choice(services), span


def _make_personal(span: Span, rng: random.Random) -> None:
    for attribute in span.attributes:
        if attribute.key == "user_agent.original" and rng.random() < 0.05:
            attribute.value.string_value = rng.choice(PERSONAL) % rng.randint(0, 255)
        elif attribute.key == "user.id" and rng.random() < 0.005:
            attribute.key = "app.user.password"


def _span_attributes(rng: random.Random, failed: bool) -> list[KeyValue]:
    return _attributes(
        http__request__method=rng.choice(("GET", "POST")),
        http__response__status_code=500 if failed else rng.choice((200,) * 19 + (404,)),
        url__path=f"/api/products/{rng.randint(0, 1000)}",
        server__address="shop.example.com",
        server__port=8080,
        net__peer__name=f"ip-10-0-{rng.randint(0, 255)}-{rng.randint(0, 255)}",
        user__id=f"u-{rng.randint(0, 99999):06d}",
        http__route="/api/products/{id}",
        user_agent__original=USER_AGENT,
        app__latency_ms=rng.random() * 100,
        app__cached=bool(rng.getrandbits(1)),
    )


def _log(rng: random.Random, now: int) -> LogRecord:
    at = now + rng.randrange(10**9)
    number, text = rng.choice(((5, "DEBUG"), (9, "INFO"), (9, "INFO"), (9, "INFO"), (13, "WARN"), (17, "ERROR")))
    record = LogRecord(time_unix_nano=at, observed_time_unix_nano=at + 1000, severity_text=text)
    record.severity_number = number
    record.body.string_value = rng.choice(MESSAGES) % rng.randint(0, 99999)
    record.attributes.extend(
        _attributes(
            code__file__path="/app/shop/orders.py",
            code__function__name="place_order",
            code__line__number=rng.randint(1, 400),
            logger__name="shop.orders",
            app__tenant=f"t-{rng.randint(0, 50)}",
        )
    )
    if rng.random() < 0.75:
        record.trace_id, record.span_id, record.flags = rng.randbytes(16), rng.randbytes(8), 1
    return record


def _fill_metrics(scope_metrics: Any, rng: random.Random, points: int, begin: int, now: int, tick: int) -> None:
    """A third of the points each in gauges, sums and histograms, eight points a metric."""
    made = 0
    while made < points:
        family = made // 24
        for fill in (_fill_gauge, _fill_sum, _fill_histogram):
            count = min(8, points - made)
            if count:
                fill(scope_metrics.metrics.add(), rng, family, count, begin, now, tick)
            made += count


def _labels(i: int) -> list[KeyValue]:
    return _attributes(
        http__route=f"/api/products/{i}",
        http__request__method="GET",
        http__response__status_code=(200, 404, 500)[i % 3],
    )


def _fill_gauge(metric: Any, rng: random.Random, family: int, count: int, begin: int, now: int, tick: int) -> None:
    metric.name, metric.unit = f"app.queue{family}.length", "{item}"
    for i in range(count):
        point = metric.gauge.data_points.add(start_time_unix_nano=begin, time_unix_nano=now, as_int=rng.randint(0, 99))
        point.attributes.extend(_labels(i))


def _fill_sum(metric: Any, rng: random.Random, family: int, count: int, begin: int, now: int, tick: int) -> None:
    metric.name, metric.unit = f"app.requests{family}.count", "{request}"
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.is_monotonic = True
    for i in range(count):
        point = metric.sum.data_points.add(start_time_unix_nano=begin, time_unix_nano=now)
        point.as_double = tick * 60.0 + rng.random()
        point.attributes.extend(_labels(i))


def _fill_histogram(metric: Any, rng: random.Random, family: int, count: int, begin: int, now: int, tick: int) -> None:
    metric.name, metric.unit = f"http.server{family}.request.duration", "s"
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for i in range(count):
        counts = [tick * rng.randint(0, 9) for _ in range(len(BOUNDS) + 1)]
        point = metric.histogram.data_points.add(
            start_time_unix_nano=begin, time_unix_nano=now, count=sum(counts), sum=sum(counts) * 0.1,
            explicit_bounds=BOUNDS, bucket_counts=counts,
        )  # fmt: skip
        point.attributes.extend(_labels(i))
        point.exemplars.add(
            time_unix_nano=now, as_double=rng.random(), trace_id=rng.randbytes(16), span_id=rng.randbytes(8)
        )
