"""Bodies whose sub-messages come in pieces, put together.

Protobuf lets a message that may occur once occur again: the pieces are merged. No encoder in use writes that, and a
column of byte ranges cannot show it, so such a body is re-encoded by the official library and scanned anew. What
it means, unknown fields included, stays the same; its bytes do not.
"""

from __future__ import annotations

from importlib import import_module

from schema.signal import Signal

MAX_BYTES = 16 << 20
"""Larger bodies are refused: the library's objects take many times the room of their bytes."""

_REQUEST = {
    Signal.TRACES: ("trace.v1.trace_service_pb2", "ExportTraceServiceRequest"),
    Signal.METRICS: ("metrics.v1.metrics_service_pb2", "ExportMetricsServiceRequest"),
    Signal.LOGS: ("logs.v1.logs_service_pb2", "ExportLogsServiceRequest"),
}


def merged(signal: Signal, body: bytes) -> bytes | None:
    """The same request with every sub-message in one piece; None if the library cannot read or write it."""
    # Imported here because it costs 100 ms and 20 MB that hardly any process ever needs.
    errors = import_module("google.protobuf.message")
    module, name = _REQUEST[signal]
    request = getattr(import_module(f"opentelemetry.proto.collector.{module}"), name)()
    try:
        request.ParseFromString(body)
        return bytes(request.SerializeToString())
    except (errors.DecodeError, errors.EncodeError):
        return None
