"""Export requests for tests, made by the official protobuf library."""

from __future__ import annotations

from itertools import count

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schema.signal import Signal

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest

_numbers = count(1)


def attribute(key: str, text: str) -> KeyValue:
    """A string attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=text))


def trace_id(number: int) -> bytes:
    """A valid trace id."""
    return b"t" * 8 + number.to_bytes(8, "big")


def span(name: str, trace: bytes | None = None, span_id: bytes | None = None) -> Span:
    """A span; in a trace of its own unless told otherwise."""
    number = next(_numbers)
    return Span(
        name=name,
        trace_id=trace_id(number) if trace is None else trace,
        span_id=number.to_bytes(8, "big") if span_id is None else span_id,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_001_000_000_000,
    )


def traces(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    """Spans of one resource and scope."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(attribute("service.name", service))
    scope = group.scope_spans.add()
    scope.scope.name = "tests"
    scope.spans.extend(spans)
    return request


def logs(*records: LogRecord, service: str = "shop") -> ExportLogsServiceRequest:
    """Log records of one resource and scope."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.append(attribute("service.name", service))
    group.scope_logs.add().log_records.extend(records)
    return request


def gauge(name: str, *values: float, unit: str = "") -> Metric:
    """A gauge with a point for each value."""
    metric = Metric(name=name, unit=unit)
    for number, value in enumerate(values):
        metric.gauge.data_points.append(
            NumberDataPoint(as_double=value, time_unix_nano=number + 1, attributes=[attribute("n", str(number))])
        )
    return metric


def metrics(
    *made: Metric, service: str = "shop", namespace: str = "", instance: str = ""
) -> ExportMetricsServiceRequest:
    """Metrics of one resource and scope."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for key, value in (("service.name", service), ("service.namespace", namespace), ("service.instance.id", instance)):
        if value:
            group.resource.attributes.append(attribute(key, value))
    group.scope_metrics.add().metrics.extend(made)
    return request


def one_of(signal: Signal, name: str) -> Request:
    """A request with one item called `name` (for logs: whose body it is)."""
    if signal is Signal.TRACES:
        return traces(span(name))
    if signal is Signal.METRICS:
        return metrics(gauge(name, 1.0))
    return logs(LogRecord(body=AnyValue(string_value=name)))
