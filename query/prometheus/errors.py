"""What an answer of the Prometheus HTTP API says when it has no data: a kind, its HTTP status, a message."""

from __future__ import annotations

from enum import Enum

from otelhouse.promql.errors import ExecutionError, PromQLError
from query.errors import BadInput, Forbidden, LimitExceeded, QueryError, Unauthenticated, Unavailable
from query.promql.budget import TimedOut


class Kind(Enum):
    """`errorType`, and the status that Prometheus gives it; 401 and 403 are ours."""

    BAD_DATA = ("bad_data", 400)
    UNAUTHENTICATED = ("unauthorized", 401)
    FORBIDDEN = ("forbidden", 403)
    NOT_FOUND = ("not_found", 404)
    EXECUTION = ("execution", 422)
    CANCELED = ("canceled", 499)
    INTERNAL = ("internal", 500)
    TIMEOUT = ("timeout", 503)
    UNAVAILABLE = ("unavailable", 503)


class ApiError(Exception):
    """The message goes to the client as it is."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def bad_data(message: str) -> ApiError:
    return ApiError(Kind.BAD_DATA, message)


def invalid_parameter(name: str, message: str) -> ApiError:
    return ApiError(Kind.BAD_DATA, f'invalid parameter "{name}": {message}')


_KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (PromQLError, Kind.BAD_DATA),
    (ExecutionError, Kind.EXECUTION),
    (TimedOut, Kind.TIMEOUT),
    (LimitExceeded, Kind.EXECUTION),
    (BadInput, Kind.BAD_DATA),
    (Unauthenticated, Kind.UNAUTHENTICATED),
    (Forbidden, Kind.FORBIDDEN),
    (Unavailable, Kind.UNAVAILABLE),
)
EXPECTED = (ApiError, PromQLError, ExecutionError, QueryError)
"""Everything else is a fault of ours."""


def told(error: Exception) -> ApiError:
    """What a client is told of one of EXPECTED."""
    if isinstance(error, ApiError):
        return error
    kind = next((kind for of, kind in _KINDS if isinstance(error, of)), Kind.INTERNAL)
    return ApiError(kind, str(error))
