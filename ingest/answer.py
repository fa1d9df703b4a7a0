"""What a call is told: accepted, perhaps in part, or refused for one reason.

`Refused` is the one exception that steps raise about a call; anything else that escapes a step is a fault of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

RETRY_SECONDS = 1.0
"""When a client may try again after an outage of ours."""


class Code(Enum):
    """An answer's kind, as gRPC and HTTP number it. Which are retryable: OTLP 1.x, "Failures"."""

    OK = (0, 200)
    INVALID = (3, 400)
    UNAUTHENTICATED = (16, 401)
    FORBIDDEN = (7, 403)
    METHOD_NOT_ALLOWED = (12, 405)
    TOO_LARGE = (8, 413)
    UNSUPPORTED = (12, 415)
    LIMITED = (8, 429)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)

    def __init__(self, grpc: int, http: int) -> None:
        self.grpc = grpc
        self.http = http


class Refused(Exception):
    """Nothing of the call is acknowledged. The message is for the client: no internals, no data."""

    def __init__(self, code: Code, message: str, retry_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_seconds = retry_seconds


def unavailable(message: str) -> Refused:
    """A refusal that says: try again soon."""
    return Refused(Code.UNAVAILABLE, message, RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The log has the call's items, but for `rejected` of them; `message` says why."""

    rejected: int = 0
    message: str = ""
