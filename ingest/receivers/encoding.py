"""OTLP responses and google.rpc.Status, in protobuf and in JSON.

Written out by hand, because there are two small messages, and a process that serves gRPC alone need not load
a protobuf library. Sources: opentelemetry-proto collector/*/v1, googleapis google/rpc/{status,error_details}.proto.
"""

from __future__ import annotations

import json
from enum import Enum

from ingest.answer import Accepted, Refused
from schema.signal import Signal
from schema.wire.writing import delimited, varint

_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_REJECTED = ("rejectedSpans", "rejectedDataPoints", "rejectedLogRecords")


class Encoding(Enum):
    """How a request and its answer are written; the value is HTTP's media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def encode_accepted(signal: Signal, encoding: Encoding, accepted: Accepted) -> bytes:
    """An Export*ServiceResponse; `partial_success` is there only if something was rejected (OTLP 1.x)."""
    if encoding is Encoding.JSON:
        partial = {_REJECTED[signal]: str(accepted.rejected), "errorMessage": accepted.message}
        return _json({"partialSuccess": partial} if accepted.rejected else {})
    if not accepted.rejected:
        return b""
    return _bytes(1, _number(1, accepted.rejected) + _bytes(2, accepted.message.encode()))


def encode_refused(encoding: Encoding, refused: Refused) -> bytes:
    """A google.rpc.Status with RetryInfo where the client may try again."""
    seconds, nanos = int(refused.retry_seconds), int(refused.retry_seconds % 1 * 1e9)
    if encoding is Encoding.JSON:
        status: dict[str, object] = {"code": refused.code.grpc, "message": refused.message}
        if refused.retry_seconds:
            status["details"] = [{"@type": _RETRY_INFO, "retryDelay": _duration(seconds, nanos)}]
        return _json(status)
    body = _number(1, refused.code.grpc) + _bytes(2, refused.message.encode())
    if refused.retry_seconds:
        delay = _bytes(1, _number(1, seconds) + _number(2, nanos))
        body += _bytes(3, _bytes(1, _RETRY_INFO.encode()) + _bytes(2, delay))
    return body


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _duration(seconds: int, nanos: int) -> str:
    """As JSON has a google.protobuf.Duration: decimals, never an exponent."""
    return f"{seconds}.{nanos:09d}".rstrip("0").rstrip(".") + "s"


def _number(field: int, value: int) -> bytes:
    """A varint field; nothing for 0, as proto3 has it."""
    return varint(field << 3) + varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return delimited(field << 3 | 2, value)
