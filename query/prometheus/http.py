"""The Prometheus HTTP API over HTTP: routes, methods, tenants, errors, compression, pages of other sites."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import cramjam
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from query.metrics import PROMETHEUS_REQUESTS, PROMETHEUS_SECONDS
from query.prometheus import exemplars, expressions, metadata, parse, rules, series, status
from query.prometheus.answer import Answer, error_body
from query.prometheus.asked import Asked, Endpoint, House
from query.prometheus.errors import EXPECTED, ApiError, Kind, bad_data, told
from query.prometheus.parameters import Parameters, parse_pairs
from query.tenancy import Tenancy

_MAX_FORM_BYTES = 10 << 20
_FORM = "application/x-www-form-urlencoded"
_GET, _BOTH = ("GET",), ("GET", "POST")
ENDPOINTS: tuple[tuple[str, tuple[str, ...], Endpoint], ...] = (
    ("query", _BOTH, expressions.query),
    ("query_range", _BOTH, expressions.query_range),
    ("query_exemplars", _BOTH, exemplars.query_exemplars),
    ("format_query", _BOTH, parse.format_query),
    ("parse_query", _BOTH, parse.parse_query),
    ("series", _BOTH, series.series),
    ("labels", _BOTH, series.labels),
    ("label/{name}/values", _GET, series.values),
    ("metadata", _GET, metadata.metadata),
    ("rules", _GET, rules.rules),
    ("alerts", _GET, status.alerts),
    ("targets", _GET, status.targets),
    ("alertmanagers", _GET, status.alertmanagers),
    ("status/buildinfo", _GET, status.buildinfo),
    ("status/tsdb", _GET, status.tsdb),
    ("status/config", _GET, status.config),
    ("status/flags", _GET, status.flags),
    ("status/runtimeinfo", _GET, status.runtimeinfo),
)
"""Path below /api/v1, methods, what answers."""
_CORS = {
    "access-control-allow-headers": "Accept, Authorization, Content-Type, Origin",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-expose-headers": "Date",
    "vary": "Origin",
}
_SMALL = 1_400  # bytes, one packet: to compress it saves nothing


class PrometheusApi:
    """Answers below /api/v1."""

    def __init__(self, house: House, tenancy: Tenancy) -> None:
        self._house = house
        self._tenancy = tenancy

    def routes(self) -> list[Route]:
        """All of them."""
        found = [self._route(path, methods, endpoint) for path, methods, endpoint in ENDPOINTS]
        return [*found, Route("/api/v1/{path:path}", _not_there, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]

    def _route(self, path: str, methods: tuple[str, ...], endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=_shared(request))
            if request.method not in methods:
                return PlainTextResponse("Method Not Allowed\n", 405, {"allow": ", ".join((*methods, "OPTIONS"))})
            began = self._house.clock.monotonic()
            response, outcome = await self._answer(request, endpoint)
            PROMETHEUS_REQUESTS.labels(path, outcome).inc()
            PROMETHEUS_SECONDS.labels(path).observe(self._house.clock.monotonic() - began)
            return response

        return Route(f"/api/v1/{path}", answer, methods=["GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"])

    async def _answer(self, request: Request, endpoint: Endpoint) -> tuple[Response, str]:
        try:
            tenant = await self._tenancy.tenant_of(request)
            parameters = await _parameters(request)
            async with _until_gone(request):
                asked = Asked(self._house, tenant, parameters, request.path_params)
                answer = await endpoint(asked)
                return await asyncio.to_thread(_response, request, answer), "ok"
        except EXPECTED as error:
            refused = told(error)
        except (ClientDisconnect, asyncio.CancelledError):
            if not await request.is_disconnected():
                raise  # it is we who end
            refused = ApiError(Kind.CANCELED, "the client has left")
        except Exception as error:  # noqa: BLE001 - the client gets no more than that, the log gets the error
            structlog.get_logger(__name__).error("request failed", path=request.url.path, exc_info=error)
            refused = ApiError(Kind.INTERNAL, "internal error: see the log of the query service")
        name, code = refused.kind.value
        response = Response(error_body(refused), code, _shared(request), "application/json")
        if refused.kind is Kind.UNAUTHENTICATED:
            response.headers["www-authenticate"] = "Bearer"
        return response, name


async def _parameters(request: Request) -> Parameters:
    """Of the form, then of the address."""
    address = parse_pairs(request.url.query)
    if request.method != "POST" or request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        return Parameters(address)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            raise bad_data("error parsing form values: http: POST too large")
    return Parameters([*parse_pairs(body.decode("utf-8", "replace")), *address])


@contextlib.asynccontextmanager
async def _until_gone(request: Request) -> AsyncIterator[None]:
    """Cancels what is done inside when the client leaves."""
    working = asyncio.current_task()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        if working is not None:
            working.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        watching.cancel()


def _response(request: Request, answer: Answer) -> Response:
    """Compressed, if the client takes that."""
    headers, body = _shared(request), answer.body()
    accepted = request.headers.get("accept-encoding", "").lower().split(",")
    if any(part.partition(";")[0].strip() == "gzip" for part in accepted) and len(body) > _SMALL:
        headers["content-encoding"] = "gzip"
        body = bytes(cramjam.gzip.compress(body, level=1))
    return Response(body, 200, headers, "application/json")


async def _not_there(_: Request) -> Response:
    return PlainTextResponse("404 page not found\n", 404)


def _shared(request: Request) -> dict[str, str]:
    """Headers by which a page of another site may read the answer: not one that was given because no key was needed."""
    origin = request.headers.get("origin")
    if origin is None:
        return {"vary": "Origin"}
    with_key = "authorization" in request.headers or request.method == "OPTIONS"
    return {**_CORS, "access-control-allow-origin": origin} if with_key else {"vary": "Origin"}
