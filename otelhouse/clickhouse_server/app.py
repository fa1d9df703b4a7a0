"""The HTTP application: one endpoint that takes statements, a ping, and the health routes."""

from __future__ import annotations

import socket
from concurrent.futures import Executor

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from otelhouse.clickhouse_server.compression import negotiate
from otelhouse.clickhouse_server.engine import Engine
from otelhouse.clickhouse_server.errors import ServerError
from otelhouse.clickhouse_server.exchange import Exchange
from otelhouse.clickhouse_server.parameters import ask
from otelhouse.clickhouse_server.respond import Responder
from otelhouse.clickhouse_server.running import RunningRequests
from otelhouse.health import Readiness, health_routes


class Statements:
    """The endpoint `/`: an ASGI application."""

    def __init__(self, engine: Engine, threads: Executor, running: RunningRequests) -> None:
        self._engine = engine
        self._threads = threads
        self._running = running
        self._name = socket.gethostname()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            "X-ClickHouse-Server-Display-Name": self._name,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        plain = Responder(send, headers, "", self._engine.version)
        try:
            asked = ask(scope["method"], QueryParams(scope["query_string"]), Headers(scope=scope), {})
            running = self._running.begin(asked.query_id)
        except ServerError as error:
            await plain.error(error)
            return
        headers["X-ClickHouse-Query-Id"] = asked.query_id
        respond = Responder(send, headers, negotiate(asked.accept_encoding), self._engine.version)
        try:
            await Exchange(self._engine, self._threads, asked, running, respond).run(receive)
        except ServerError as error:
            await respond.error(error)
        except ClientDisconnect:
            return
        finally:
            self._running.end(running)


async def _ping(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


def application(engine: Engine, threads: Executor, running: RunningRequests, readiness: Readiness) -> Starlette:
    """All routes."""
    statements = Statements(engine, threads, running)
    return Starlette(
        routes=[
            Route("/ping", _ping),
            *health_routes(readiness),
            Route("/", statements, methods=["GET", "HEAD", "POST"]),
        ]
    )
