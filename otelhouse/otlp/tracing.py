"""A span for each HTTP request that we answer, where tracing is on. It imports nothing of the SDK's where it is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_NOT_TRACED = ("/healthz", "/readyz", "/metrics", "/ping")

_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Begin or (None) end tracing in this process."""
    global _tracer
    _tracer = tracer


def traced(app: Application) -> Application:
    """The application, with a server span around each request; itself, if tracing is off."""
    if _tracer is None:
        return app
    return _Traced(app, _tracer)


class _Traced:
    def __init__(self, app: Application, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _NOT_TRACED:
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"], "url.scheme": "http"}
        with self._tracer.start_as_current_span(
            scope["method"], extract(headers), SpanKind.SERVER, attributes=attributes
        ) as span:
            await self._app(scope, receive, _noting_status(send, span))


def _noting_status(send: Send, span: Span) -> Send:
    from opentelemetry.trace import StatusCode

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                span.set_status(StatusCode.ERROR)
        await send(message)

    return noting
