"""The HTTP application: one endpoint that takes statements, a ping, and the health routes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from otelhouse.clickhouse_server import metrics
from otelhouse.clickhouse_server.body import Body
from otelhouse.clickhouse_server.compression import negotiate
from otelhouse.clickhouse_server.errors import ACCESS_DENIED, ServerError
from otelhouse.clickhouse_server.exchange import Exchange, Server
from otelhouse.clickhouse_server.form import MAX_BYTES, is_form, text_fields
from otelhouse.clickhouse_server.parameters import Ask, ask
from otelhouse.clickhouse_server.respond import BrokenResponse, Responder
from otelhouse.clock import Clock
from otelhouse.health import Readiness, health_routes


class Statements:
    """The endpoint `/`, an ASGI application."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._headers = {
            "X-ClickHouse-Server-Display-Name": socket.gethostname(),
            "X-ClickHouse-Timezone": server.engine.timezone,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, body = Headers(scope=scope), None
        try:
            _refuse_browsers(headers)
            body = Body(receive, headers.get("content-encoding", ""))
            asked = ask(scope["method"], QueryParams(scope["query_string"]), headers, await _form(headers, body))
            await self._answer(asked, body, receive, send)
        except ServerError as error:
            with contextlib.suppress(ClientDisconnect):
                if body is not None:
                    await body.drain()
                await self._responder(send, {}, "").error(error)
        except ClientDisconnect:
            return

    async def _answer(self, asked: Ask, body: Body, receive: Receive, send: Send) -> None:
        running = self._server.running.begin(asked.query_id)
        respond = self._responder(send, {"X-ClickHouse-Query-Id": asked.query_id}, negotiate(asked.accept_encoding))
        exchange = Exchange(self._server, asked, running, respond)
        began, code = self._clock.monotonic(), "0"
        try:
            await exchange.run(body, receive)
        except ServerError as error:
            code = str(error.code)
            self._server.running.end(running)
            await body.drain()
            await respond.error(error)
        except BrokenResponse as broken:
            code = str(broken.code)
            raise
        except ClientDisconnect:
            code = "gone"
        finally:
            self._server.running.end(running)
            kind = exchange.kind.name.lower() if exchange.kind else "unknown"
            metrics.REQUESTS.labels(kind, code).inc()
            metrics.SECONDS.labels(kind).observe(self._clock.monotonic() - began)

    def _responder(self, send: Send, extra: Mapping[str, str], encoding: str) -> Responder:
        return Responder(send, {**self._headers, **extra}, encoding, self._server.engine.version)


def _refuse_browsers(headers: Headers) -> None:
    """There is no password on a loopback address, so a page of another site must not reach us through its visitor."""
    origin = headers.get("origin", "")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") or (
        origin and origin.partition("://")[2] != headers.get("host", "")
    ):
        raise ServerError(ACCESS_DENIED, "Requests from pages of other sites are refused", "ACCESS_DENIED")


async def _form(headers: Headers, body: Body) -> dict[str, str]:
    kind = headers.get("content-type", "")
    return text_fields(kind, await body.read(MAX_BYTES)) if is_form(kind) else {}


async def _ping(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


def application(server: Server, clock: Clock, readiness: Readiness) -> Starlette:
    """All routes."""
    return Starlette(
        routes=[
            Route("/ping", _ping),
            *health_routes(readiness),
            Route("/", Statements(server, clock), methods=["GET", "HEAD", "POST"]),
        ]
    )
