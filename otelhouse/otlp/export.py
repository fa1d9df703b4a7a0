"""The SDK's providers for one of our processes."""

from __future__ import annotations

import logging
import os
import socket
import threading
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import REGISTRY

from otelhouse.clock import Clock
from otelhouse.otlp import tracing
from otelhouse.otlp.logs import LogHandler, describe_ours
from otelhouse.otlp.metrics import as_otlp

SCOPE = "otelhouse"
_METRICS_SECONDS = 15.0
_FLUSH_MS = 2000


class Export:
    """From its making to close() it sends what the process says of itself."""

    def __init__(self, endpoint: str, component: str, clock: Clock) -> None:
        base = f"{endpoint.rstrip('/')}/v1"
        self._resource = Resource.create(
            {
                "service.name": f"otelhouse-{component}",
                "service.namespace": "otelhouse",
                "service.version": version("otelhouse"),
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        self._clock = clock
        self._started_ns = clock.now_ns()
        self._tracing = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        self._tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/traces")))
        tracing.use(self._tracing.get_tracer(SCOPE))
        self._logs = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{base}/logs")))
        self._handler = LogHandler(self._logs.get_logger(SCOPE), describe_ours)
        # What the exporters themselves complain of would be sent, and complained of, for ever.
        self._handler.addFilter(lambda record: not record.name.startswith(("opentelemetry", "urllib3")))
        logging.getLogger().addHandler(self._handler)
        self._metrics = OTLPMetricExporter(f"{base}/metrics")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_metrics, daemon=True, name="own metrics")
        self._thread.start()

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._stop.set()
        self._thread.join(_FLUSH_MS / 1000)
        logging.getLogger().removeHandler(self._handler)
        self._logs.force_flush(_FLUSH_MS)
        tracing.use(None)
        self._tracing.force_flush(_FLUSH_MS)

    def _send_metrics(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stop.wait(_METRICS_SECONDS)
            data = as_otlp(REGISTRY.collect(), self._resource, SCOPE, self._started_ns, self._clock.now_ns())
            self._metrics.export(data, timeout_millis=_FLUSH_MS)
