"""OTLP/JSON -> OTLP protobuf (OTLP 1.x, "JSON Protobuf Encoding").

Protobuf's own JSON mapping, but trace and span ids are hex instead of base64, and unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.answer import Code, Refused
from schema.signal import Signal

_REQUESTS: tuple[type[Message], ...] = (
    ExportTraceServiceRequest,
    ExportMetricsServiceRequest,
    ExportLogsServiceRequest,
)
_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
_BYTES_FIELDS = frozenset({"bytesValue", "bytes_value"})
# Standard or URL-safe, with or without padding, as protobuf's JSON mapping says; its parser passes over all else.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def to_protobuf(signal: Signal, text: bytes) -> bytes:
    """An export request in JSON -> the same in protobuf. Raises Refused (INVALID)."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(Code.INVALID, f"not valid JSON: {error.msg} at {error.pos}") from None
    if not isinstance(document, dict):
        raise Refused(Code.INVALID, "the request must be a JSON object")
    message = _REQUESTS[signal]()
    try:
        _prepare(document)
        json_format.ParseDict(document, message, ignore_unknown_fields=True)
        serialized: bytes = message.SerializeToString()
    except binascii.Error:
        raise Refused(Code.INVALID, "a trace id or span id is not hexadecimal, or a bytesValue not base64") from None
    except (json_format.ParseError, RecursionError, ValueError, TypeError):
        # The library's own messages quote the data, which has no place in an answer or a log of ours.
        raise Refused(Code.INVALID, f"not a valid {message.DESCRIPTOR.name} in JSON") from None
    return serialized


def _prepare(node: Any) -> None:
    """Hexadecimal ids to base64, in place; raises binascii.Error for those, and for bytes, that are neither.

    Attribute keys are values of "key" in OTLP/JSON, so no user's text is ever taken for a field name."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(child for child in node if isinstance(child, list | dict))
            continue
        for key, value in node.items():
            if key in _HEX_FIELDS and isinstance(value, str):
                node[key] = base64.b64encode(binascii.unhexlify(value)).decode()
            elif key in _BYTES_FIELDS and isinstance(value, str) and not _BASE64.fullmatch(value):
                raise binascii.Error
            elif isinstance(value, list | dict):
                stack.append(value)
