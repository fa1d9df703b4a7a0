"""Errors as a client sees them: a message, where, and `extensions.code`; never SQL, never a stack trace.

Codes: BAD_INPUT, LIMIT_EXCEEDED, UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE, and INTERNAL with an id that is in the log.
"""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from graphql import GraphQLError

from query.errors import QueryError

_TOO_DEEP = "the query is nested too deeply"


def formatted(error: GraphQLError) -> dict[str, Any]:
    """One entry of the response's `errors`."""
    message, extensions = _explained(error)
    answer: dict[str, Any] = {"message": message, "extensions": extensions}
    if error.locations:
        answer["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        answer["path"] = list(error.path)
    return answer


def request_error(message: str, code: str = "BAD_INPUT") -> dict[str, Any]:
    """An entry for a request that did not come as far as GraphQL."""
    return {"message": message, "extensions": {"code": code}}


def _explained(error: GraphQLError) -> tuple[str, dict[str, Any]]:
    cause = error.original_error
    if isinstance(cause, QueryError):
        return str(cause), {"code": cause.code}
    if error.path is None and isinstance(cause, RecursionError):
        return _TOO_DEEP, {"code": "LIMIT_EXCEEDED"}
    if error.path is None and (cause is None or isinstance(cause, (GraphQLError, ValueError))):
        # GraphQL's own: syntax, validation, a variable that does not fit.
        return error.message, {"code": (error.extensions or {}).get("code", "BAD_INPUT")}
    return internal(cause or error)


def internal(cause: BaseException) -> tuple[str, dict[str, Any]]:
    """Message and extensions for a fault of ours, which is logged under the id that the client gets."""
    identifier = uuid.uuid4().hex[:12]
    structlog.get_logger(__name__).error("internal error", id=identifier, exc_info=cause)
    return f"internal error {identifier}", {"code": "INTERNAL", "id": identifier}
