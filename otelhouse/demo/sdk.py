"""The OpenTelemetry SDK of one service, set up as its documentation says, with short intervals for a lively demo."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.metrics import Meter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otelhouse.otlp.logs import Description, LogHandler

_SCOPE = "otelhouse.demo"
_BATCH_MS = 500
_METRICS_MS = 5000


@dataclass(frozen=True)
class Sdk:
    """What a service instruments itself with."""

    tracer: trace.Tracer
    meter: Meter
    log: logging.Logger
    _providers: tuple[TracerProvider, MeterProvider, LoggerProvider]

    def shutdown(self) -> None:
        """Export what is left; gives up after a second a signal."""
        tracing, metering, logs = self._providers
        tracing.force_flush(1000)
        metering.shutdown(1000)
        logs.force_flush(1000)


def start_sdk(service: str, otlp_grpc: str, otlp_http: str) -> Sdk:
    """Export over gRPC, or, with `otlp_grpc` empty, over HTTP."""
    spans, metrics, records = _grpc(otlp_grpc) if otlp_grpc else _http(otlp_http)
    resource = Resource.create(
        {
            "service.name": service,
            "service.namespace": "demo",
            "service.version": "1.0.0",
            "service.instance.id": f"{service}-1",
            "deployment.environment.name": "demo",
            "process.pid": os.getpid(),
        }
    )
    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=_BATCH_MS))
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=_METRICS_MS)
    metering = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(records, schedule_delay_millis=_BATCH_MS))
    log = logging.getLogger(f"shop.{service}")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [LogHandler(logs.get_logger(_SCOPE), _describe)]
    return Sdk(tracing.get_tracer(_SCOPE), metering.get_meter(_SCOPE), log, (tracing, metering, logs))


def _describe(record: logging.LogRecord) -> Description:
    return record.getMessage(), {"code.function.name": record.funcName, **getattr(record, "fields", {})}


def _grpc(address: str) -> tuple[SpanExporter, MetricExporter, LogRecordExporter]:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    url = f"http://{address}"
    return (
        OTLPSpanExporter(endpoint=url, insecure=True),
        OTLPMetricExporter(endpoint=url, insecure=True),
        OTLPLogExporter(endpoint=url, insecure=True),
    )


def _http(address: str) -> tuple[SpanExporter, MetricExporter, LogRecordExporter]:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    url = f"http://{address}/v1"
    return OTLPSpanExporter(f"{url}/traces"), OTLPMetricExporter(f"{url}/metrics"), OTLPLogExporter(f"{url}/logs")
