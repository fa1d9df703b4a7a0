"""Our own traces, metrics and logs, sent to an OTLP endpoint by a real component."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_COMPONENT = """
import sys
from prometheus_client import Counter, Histogram
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from otelhouse.clock import SystemClock
from otelhouse.component import run_component
from otelhouse.config import TelemetrySettings
from otelhouse.http_server import serve
from otelhouse.listening import bind, listening_address
from otelhouse.otlp import exporting
from otelhouse.telemetry import configure_logs, get_logger

configure_logs(TelemetrySettings(), "tested")
calls = Counter("otelhouse_test_calls", "Calls.", ["kind"])
size = Histogram("otelhouse_test_size_bytes", "Sizes in bytes.", buckets=[10, 100])

async def hello(request):
    calls.labels("hello").inc(3)
    for value in (5, 50, 51, 500):
        size.observe(value)
    get_logger("tested").warning("said hello", times=3)
    return PlainTextResponse("hello")

def run(stop, ready):
    with exporting(TelemetrySettings(otlp_endpoint=sys.argv[1]), "tested", SystemClock()):
        with bind(listening_address("127.0.0.1:0", "x"), "x") as bound:
            serve(Starlette(routes=[Route("/hello", hello)]), bound, stop, lambda address: ready({"http": address}))

sys.exit(run_component(run))
"""

Received = dict[str, list[bytes]]


@contextmanager
def _collector() -> Iterator[tuple[str, Received]]:
    received: Received = defaultdict(list)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received[self.path].append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", received
        server.shutdown()
        thread.join()


def _received_from_a_component() -> Received:
    with _collector() as (endpoint, received):
        process = subprocess.Popen(
            [sys.executable, "-c", _COMPONENT, endpoint], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix('ready {"http": "').removesuffix('"}\n')
        trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        assert httpx.get(f"http://{address}/hello", headers=trace).text == "hello"
        process.terminate()
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 0, errors
        return received


def test_the_three_signals_are_sent_before_it_ends_and_belong_together() -> None:
    received = _received_from_a_component()
    spans = ExportTraceServiceRequest.FromString(received["/v1/traces"][0]).resource_spans[0]
    assert [a.value.string_value for a in spans.resource.attributes if a.key == "service.name"] == ["otelhouse-tested"]
    span = spans.scope_spans[0].spans[0]
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_span_id.hex() == "b7ad6b7169203331"

    logs = [
        record
        for body in received["/v1/logs"]
        for record in ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    ]
    hello = next(record for record in logs if record.body.string_value == "said hello")
    assert (hello.severity_text, hello.span_id) == ("WARNING", span.span_id)
    assert {a.key: a.value.int_value for a in hello.attributes}["times"] == 3

    request = ExportMetricsServiceRequest.FromString(received["/v1/metrics"][-1])
    metrics = {metric.name: metric for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    calls = metrics["otelhouse_test_calls"].sum
    assert (calls.is_monotonic, calls.data_points[0].as_double) == (True, 3.0)
    size = metrics["otelhouse_test_size_bytes"].histogram.data_points[0]
    assert (list(size.bucket_counts), list(size.explicit_bounds), size.count, size.sum) == (
        [1, 2, 1],
        [10, 100],
        4,
        606,
    )
