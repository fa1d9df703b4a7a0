"""OTLP/JSON to protobuf: our kernel beside the official library's parser of JSON, orjson's parse alone, and a copy.

What the official library does is what a receiver in Python does without a kernel of its own: text to a dict, ids to
base64, dict to message, message to bytes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import payloads
from benchmarks.harness import Table, in_turn, measure
from schema.signal import Signal
from schema.wire.from_json import from_json

ITEMS = 2048
PER_CALL = 512
ROUNDS = 5

_MAKE = {
    Signal.TRACES: (payloads.traces, ExportTraceServiceRequest, "span"),
    Signal.METRICS: (payloads.metrics, ExportMetricsServiceRequest, "point"),
    Signal.LOGS: (payloads.logs, ExportLogsServiceRequest, "record"),
}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def main() -> None:
    """Print the tables."""
    for signal in Signal:
        _bench(signal)


def _bench(signal: Signal) -> None:
    make, request, unit = _MAKE[signal]
    texts = [_to_text(request.FromString(call)) for call in make(PER_CALL, ITEMS)]
    size = sum(map(len, texts)) / ITEMS
    table = Table(f"OTLP/JSON to protobuf: {signal.name.lower()}, {PER_CALL} a call, {size:.0f} bytes a {unit}", unit)
    work: dict[str, Callable[[], object]] = {
        "official library": lambda: [_official(text, request()) for text in texts],
        "orjson, parse only": lambda: [orjson.loads(text) for text in texts],
        "copy of the bytes": lambda: [bytearray(text) for text in texts],
        "from_json": lambda: [from_json(signal, text) for text in texts],
    }
    for step in work.values():
        step()
    with in_turn(table, ROUNDS) as rounds:
        for _ in rounds:
            for name, step in work.items():
                table.add(name, measure(ITEMS, step))


def _to_text(message: Any) -> bytes:
    document = json_format.MessageToDict(message, use_integers_for_enums=True)
    _change_ids(document, lambda text: base64.b64decode(text).hex())
    return orjson.dumps(document)


def _official(text: bytes, message: Any) -> bytes:
    document = orjson.loads(text)
    _change_ids(document, lambda digits: base64.b64encode(binascii.unhexlify(digits)).decode())
    json_format.ParseDict(document, message, ignore_unknown_fields=True)
    serialized: bytes = message.SerializeToString()
    return serialized


def _change_ids(node: Any, change: Callable[[str], str]) -> None:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(child for child in node if isinstance(child, list | dict))
            continue
        for key, value in node.items():
            if key in _IDS:
                node[key] = change(value)
            elif isinstance(value, list | dict):
                stack.append(value)


if __name__ == "__main__":
    main()
