"""GraphQL over HTTP: POST of JSON, by the GraphQL-over-HTTP specification's draft of 2025.

With `accept: application/graphql-response+json` a request that cannot run is a 4xx; with
`application/json` any well-formed request is answered 200, as older clients expect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError

from otelhouse.clock import Clock
from query.database import Database
from query.errors import QueryError
from query.graphql.context import Context
from query.graphql.endpoints import Endpoints
from query.graphql.errors import formatted, internal, request_error
from query.graphql.schema import schema
from query.metrics import REQUEST_SECONDS, REQUESTS
from query.promql.run import Expressions
from query.tenancy import Tenancy

MAX_BODY_BYTES = 1 << 20

_GRAPHQL = "application/graphql-response+json"
_JSON = "application/json"
_HTTP_STATUS = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "UNAVAILABLE": 503}


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    """The request does not come as far as GraphQL."""

    status: int
    message: str
    code: str = "BAD_INPUT"


@dataclass(frozen=True, slots=True)
class _Operation:
    query: str
    variables: dict[str, Any] | None
    name: str | None


class GraphQLEndpoint:
    """Answers POST /graphql; `browser` answers a GET that would rather see a page."""

    def __init__(
        self,
        database: Database,
        tenancy: Tenancy,
        clock: Clock,
        endpoints: Endpoints,
        expressions: Expressions,
        browser: Callable[[Request], Awaitable[Response]],
    ) -> None:
        self._database = database
        self._tenancy = tenancy
        self._clock = clock
        self._endpoints = endpoints
        self._expressions = expressions
        self._browser = browser

    async def answer(self, request: Request) -> Response:
        """Any request to /graphql."""
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
            return await self._browser(request)
        began = self._clock.monotonic()
        try:
            response, code = await self._answer(request)
        except ClientDisconnect:
            response, code = Response(status_code=400), "DISCONNECTED"
        REQUESTS.labels(code).inc()
        REQUEST_SECONDS.observe(self._clock.monotonic() - began)
        return response

    async def _answer(self, request: Request) -> tuple[Response, str]:
        media = _JSON
        try:
            media = _media(request)
            _check_head(request)
            tenant = await self._tenancy.tenant_of(request)
            operation = _operation(await _body(request))
        except _Refused as error:
            return _refusal(error.status, error.message, error.code, media), error.code
        except QueryError as error:
            return _refusal(_HTTP_STATUS.get(error.code, 400), str(error), error.code, media), error.code
        return await self._execute(operation, tenant, media)

    async def _execute(self, operation: _Operation, tenant: str, media: str) -> tuple[Response, str]:
        try:
            context = Context(self._database, tenant, self._clock, self._endpoints, self._expressions, operation.name)
            result = await schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
            )
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            refused = request_error("operationName: the document has no query of this name")
            return _json({"errors": [refused]}, 200 if media == _JSON else 400, media), "BAD_INPUT"
        except Exception as error:  # noqa: BLE001 - the client gets an id, the log gets the error
            message, extensions = internal(error)
            body: dict[str, Any] = {"errors": [{"message": message, "extensions": extensions}]}
            return _json(body, 500, media), "INTERNAL"
        errors = [formatted(error) for error in result.errors or ()]
        ran = not isinstance(result, PreExecutionError) and not any("path" not in error for error in errors)
        body = {"errors": errors} if errors else {}
        if ran:
            body["data"] = result.data
        status = 200 if ran or media == _JSON else 400
        return _json(body, status, media), errors[0]["extensions"]["code"] if errors else "OK"


def _media(request: Request) -> str:
    """Type of the answer: the client's choice, else plain JSON."""
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    for media in accepted:
        if media in (_GRAPHQL, _JSON):
            return media
        if media in ("*/*", "application/*", ""):
            return _JSON
    raise _Refused(406, f"accept: we answer {_GRAPHQL} or {_JSON}")


def _check_head(request: Request) -> None:
    if request.method != "POST":
        raise _Refused(405, "a GraphQL request is a POST")
    # Nothing but JSON: a form of another site cannot send it without asking first.
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _JSON:
        raise _Refused(415, f"content-type: {_JSON} is needed")


async def _body(request: Request) -> bytes:
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY_BYTES:
            raise _Refused(413, f"the request is larger than {MAX_BODY_BYTES} bytes", "LIMIT_EXCEEDED")
    return bytes(chunks)


def _operation(body: bytes) -> _Operation:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Refused(400, "the body is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("query"), str) or not given["query"]:
        raise _Refused(400, "the body is not an object with a string 'query'")
    variables, name = given.get("variables"), given.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise _Refused(400, "'variables' is not an object")
    if name is not None and not isinstance(name, str):
        raise _Refused(400, "'operationName' is not a string")
    return _Operation(given["query"], variables, name)


def _refusal(status: int, message: str, code: str, media: str) -> Response:
    response = _json({"errors": [request_error(message, code)]}, status, media)
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if status == 405:
        response.headers["allow"] = "GET, POST"
    return response


def _json(body: dict[str, Any], status: int, media: str) -> Response:
    # Floats that JSON cannot say come out as null; no field of ours has any.
    return Response(orjson.dumps(body), status, media_type=f"{media}; charset=utf-8")
