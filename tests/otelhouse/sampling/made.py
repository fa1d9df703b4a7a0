"""Traces for tests, in a few words, and what a policy says of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from otelhouse.sampling.config import TailSampling, parse
from otelhouse.sampling.decide import decide
from otelhouse.sampling.traces import Traces
from schema.signal import Signal
from schema.wire import join, scan

Value = bool | int | float | str | bytes | None
Trace = Sequence[ResourceSpans]
MS = 1_000_000


def value(plain: Value) -> AnyValue:
    """None is a value without a kind."""
    if isinstance(plain, bool):
        return AnyValue(bool_value=plain)
    if isinstance(plain, int):
        return AnyValue(int_value=plain)
    if isinstance(plain, float):
        return AnyValue(double_value=plain)
    if isinstance(plain, bytes):
        return AnyValue(bytes_value=plain)
    return AnyValue() if plain is None else AnyValue(string_value=plain)


def attributes(plain: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(each)) for key, each in plain.items()]


def span(start_ms: float = 1000, end_ms: float = 1000, status: int = 0, events: Sequence[str] = (), flags: int = 0,
         state: str = "", name: str = "work", parent: bytes = b"", kind: int = 1, **plain: Value) -> Span:  # fmt: skip
    """A span; `plain`: its attributes, `_` standing for a dot."""
    made = Span(
        name=name, span_id=b"s" * 8, parent_span_id=parent, kind=kind, flags=flags, trace_state=state,
        start_time_unix_nano=int(start_ms * MS), end_time_unix_nano=int(end_ms * MS),
        attributes=attributes({key.replace("_", "."): each for key, each in plain.items()}),
    )  # fmt: skip
    made.status.code = status
    for event in events:
        made.events.add(name=event, attributes=attributes({"exception.type": event}))
    return made


def resource(*spans: Span, scope: str = "lib", **plain: Value) -> ResourceSpans:
    """Spans of one resource; `plain`: its attributes."""
    made = ResourceSpans()
    made.resource.attributes.extend(attributes({key.replace("_", "."): each for key, each in plain.items()}))
    group = made.scope_spans.add()
    group.scope.name, group.scope.version = scope, "1.2"
    group.spans.extend(spans)
    return made


def trace_id(number: int) -> bytes:
    """As if at random: policies hash it."""
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


def requests(traces: Sequence[Trace]) -> list[ExportTraceServiceRequest]:
    """A request for each resource of each trace."""
    made = []
    for number, trace in enumerate(traces):
        for group in trace:
            request = ExportTraceServiceRequest(resource_spans=[group])
            for each in request.resource_spans[0].scope_spans[0].spans:
                each.trace_id = trace_id(number)
            made.append(request)
    return made


def columns(traces: Sequence[Trace]) -> Traces:
    return Traces.of(scan(Signal.TRACES, *join([request.SerializeToString() for request in requests(traces)])))


def sampling(*policies: Mapping[str, Any], **settings: Any) -> TailSampling:
    """Policies under the names p0, p1, ... unless they have one."""
    named = [{"name": f"p{place}", **policy} for place, policy in enumerate(policies)]
    return parse({"policies": named, **settings})


def policy(kind: str, **settings: Any) -> dict[str, Any]:
    return {"type": kind, kind: settings}


def kept(wanted: TailSampling, *traces: Trace, now_ns: int = 0) -> list[bool]:
    found: list[bool] = decide(wanted, columns(traces), now_ns).sampled.tolist()
    return found


def otlp_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """The request in OTLP's JSON: ids in hexadecimal, enums as numbers."""
    found = MessageToDict(request, use_integers_for_enums=True)
    for group, message in zip(found["resourceSpans"], request.resource_spans, strict=True):
        spans = message.scope_spans[0].spans
        for each, original in zip(group["scopeSpans"][0]["spans"], spans, strict=True):
            each["traceId"], each["spanId"] = original.trace_id.hex(), original.span_id.hex()
            if original.parent_span_id:
                each["parentSpanId"] = original.parent_span_id.hex()
    return found
