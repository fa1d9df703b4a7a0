"""A small application instrumented with the official OpenTelemetry SDK, exporting by its official exporters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id


@dataclass(frozen=True)
class Exporters:
    """One exporter a signal, for one endpoint and protocol."""

    traces: SpanExporter
    metrics: MetricExporter
    logs: LogRecordExporter


def grpc_exporters(address: str, headers: dict[str, str] | None = None, gzip: bool = False) -> Exporters:
    """Exporters that speak OTLP/gRPC to host:port."""
    compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
    common = {"endpoint": f"http://{address}", "insecure": True, "headers": headers, "compression": compression}
    return Exporters(
        grpc_traces.OTLPSpanExporter(**common),
        grpc_metrics.OTLPMetricExporter(**common),
        grpc_logs.OTLPLogExporter(**common),
    )


def http_exporters(address: str, headers: dict[str, str] | None = None, gzip: bool = False) -> Exporters:
    """Exporters that speak OTLP/HTTP to host:port."""
    common = {"headers": headers, "compression": Compression.Gzip if gzip else Compression.NoCompression}
    return Exporters(
        http_traces.OTLPSpanExporter(f"http://{address}/v1/traces", **common),
        http_metrics.OTLPMetricExporter(f"http://{address}/v1/metrics", **common),
        http_logs.OTLPLogExporter(f"http://{address}/v1/logs", **common),
    )


@contextmanager
def _providers(service: str, exporters: Exporters) -> Iterator[tuple[TracerProvider, MeterProvider, LoggerProvider]]:
    resource = Resource.create({"service.name": service, "service.version": "1.4.2"})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(exporters.traces))
    metering = MeterProvider([PeriodicExportingMetricReader(exporters.metrics, 3_600_000)], resource=resource)
    logging = LoggerProvider(resource=resource)
    logging.add_log_record_processor(SimpleLogRecordProcessor(exporters.logs))
    try:
        yield tracing, metering, logging
    finally:
        for provider in (tracing, metering, logging):
            provider.shutdown()


def send_one_of_each(service: str, exporters: Exporters) -> str:
    """A trace of two spans, a log record inside it, a counter; returns the trace id when all is acknowledged."""
    with _providers(service, exporters) as (tracing, metering, logging):
        tracer = tracing.get_tracer("tests.shop", "0.1")
        with tracer.start_as_current_span("POST /checkout", kind=SpanKind.SERVER, attributes={"cart.items": 3}) as root:
            trace_id = format_trace_id(root.get_span_context().trace_id)
            root.add_event("validated", {"coupon": True})
            metering.get_meter("tests.shop").create_counter("orders", unit="1").add(2, {"currency": "EUR"})
            logging.get_logger("tests.shop").emit(
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body="stock is low",
                attributes={"sku": "A-1"},
            )
            with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as child:
                child.set_status(StatusCode.ERROR, "card declined")
        if not (tracing.force_flush() and metering.force_flush() and logging.force_flush()):
            raise RuntimeError("the endpoint did not acknowledge what was exported")
    return trace_id
