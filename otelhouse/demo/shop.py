"""What the shop's services share: an HTTP server and a client, both instrumented by OpenTelemetry's conventions."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AnyValue

from otelhouse.address import parse_address
from otelhouse.component import Ready
from otelhouse.demo.sdk import start_sdk

SERVICES = ("frontend", "catalog", "cart", "checkout", "payment", "shipping")
_OVER_HTTP = ("shipping",)
"""The others export over gRPC."""

_DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

Body = dict[str, Any]
Handler = Callable[[Body], Body]
Routes = Mapping[str, Handler]
"""Handlers by "METHOD /path"; the body is the request's JSON."""


class Failure(Exception):
    """The answer is an error with this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Shop:
    """A service's view of the shop: its instruments and its way to the other services."""

    def __init__(self, service: str, addresses: Mapping[str, str], otlp_grpc: str, otlp_http: str) -> None:
        self.service = service
        self.address = parse_address(addresses[service])
        self.sdk = start_sdk(service, "" if service in _OVER_HTTP else otlp_grpc, otlp_http)
        self.random = random.Random(service)
        self._addresses = {name: parse_address(text) for name, text in addresses.items()}
        self._durations = self.sdk.meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_DURATION_BUCKETS,
        )

    def call(self, service: str, route: str, body: Body | None = None) -> Body:
        """Ask another service by "METHOD /path". Raises Failure with what it answered."""
        method, path = route.split(" ", 1)
        address = self._addresses[service]
        attributes: dict[str, AnyValue] = {
            "http.request.method": method,
            "server.address": address.host,
            "server.port": address.port,
            "url.full": f"http://{address}{path}",
            "peer.service": service,
        }
        with self.sdk.tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=attributes) as span:
            headers = {"content-type": "application/json"}
            inject(headers)
            status, answer = _exchange(address, method, path, headers, body or {})
            span.set_attribute("http.response.status_code", status)
            if status >= 400:
                span.set_attribute("error.type", str(status))
                raise Failure(status, str(answer.get("error")))
            return answer

    def query(self, system: str, statement: str, seconds: float) -> None:
        """Stand-in for a call to a database, which takes about `seconds`."""
        attributes = {"db.system.name": system, "db.query.text": statement, "db.operation.name": statement.split()[0]}
        with self.sdk.tracer.start_as_current_span(statement.split()[0], kind=SpanKind.CLIENT, attributes=attributes):
            time.sleep(self.random.uniform(0.7, 1.3) * seconds)

    def handle(self, route: str, handler: Handler, headers: Mapping[str, str], body: Body) -> tuple[int, Body]:
        """Run a handler inside its server span; returns status and answer."""
        method, path = route.split(" ", 1)
        attributes = {"http.request.method": method, "http.route": path, "url.path": path, "url.scheme": "http"}
        begun = time.perf_counter()
        with self.sdk.tracer.start_as_current_span(
            route,
            extract(headers),
            SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            status, answer = self._answer(span, handler, body)
            span.set_attribute("http.response.status_code", status)
            measured: dict[str, AnyValue] = {
                "http.request.method": method,
                "http.route": path,
                "http.response.status_code": status,
            }
            # Inside the span, so that the histogram's exemplars name the trace.
            self._durations.record(time.perf_counter() - begun, measured)
        return status, answer

    def _answer(self, span: Span, handler: Handler, body: Body) -> tuple[int, Body]:
        try:
            return 200, handler(body)
        except Failure as failure:
            if failure.status >= 500:
                span.set_status(StatusCode.ERROR, str(failure))
                span.set_attribute("error.type", str(failure.status))
            return failure.status, {"error": str(failure)}
        except Exception as error:  # noqa: BLE001 - a server answers whatever its handler did
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            span.set_attribute("error.type", type(error).__name__)
            self.sdk.log.error("%s: %s", type(error).__name__, error)
            return 500, {"error": "internal"}


def serve(shop: Shop, routes: Routes, stop: threading.Event, ready: Ready) -> None:
    """Answer HTTP until `stop`, then export what is left."""

    class Server(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            route = f"{self.command} {self.path}"
            handler = routes.get(route)
            if handler is None:
                status, answer = 404, {"error": "no such page"}
            else:
                status, answer = shop.handle(route, handler, dict(self.headers), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _any  # noqa: N815 - names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Requests are told by spans."""

    with ThreadingHTTPServer(shop.address, Server) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True).start()
        ready({"http": str(shop.address)})
        stop.wait()
        server.shutdown()
    shop.sdk.shutdown()


def _exchange(
    address: tuple[str, int], method: str, path: str, headers: Mapping[str, str], body: Body
) -> tuple[int, Body]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request(method, path, json.dumps(body), dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failure(503, f"{type(error).__name__}: {error}") from None
    finally:
        connection.close()
