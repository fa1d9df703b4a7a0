"""Windows of spans in a few words, and rows as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.rules.documents.span_metrics import parse
from processor import batch as batches
from processor.batch import Batch
from processor.resources import identify
from processor.rules import InForce
from processor.traces.cardinality import Cardinality
from processor.traces.facts import SpanFacts
from processor.traces.red import red_rows
from processor.window import Entry, Window
from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.processor.requests import record

T0 = 1_700_000_000_000_000_000
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)
UNSET, OK, ERROR = range(3)


@dataclass(frozen=True)
class Made:
    """A span. Ids are small numbers, 0 for none; times in nanoseconds, the start from T0 on."""

    service: str = "shop"
    kind: int = SERVER
    trace: int = 1
    id: int = 1
    parent: int = 0
    name: str = "GET /"
    start: int = 0
    duration: int = 1_000_000
    status: int = UNSET
    state: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)


def any_value(plain: Any) -> AnyValue:
    return AnyValue(int_value=plain) if isinstance(plain, int) else AnyValue(string_value=plain)


def request(*spans: Made) -> ExportTraceServiceRequest:
    """Each span under a resource of its own."""
    made = ExportTraceServiceRequest()
    for span in spans:
        group = made.resource_spans.add()
        attributes = {"service.name": span.service, **span.resource}
        group.resource.attributes.extend(KeyValue(key=key, value=any_value(each)) for key, each in attributes.items())
        put = group.scope_spans.add().spans.add(
            trace_id=span.trace.to_bytes(16, "big"),
            span_id=span.id.to_bytes(8, "big"),
            parent_span_id=span.parent.to_bytes(8, "big") if span.parent else b"",
            name=span.name,
            kind=span.kind,
            trace_state=span.state,
            start_time_unix_nano=T0 + span.start,
            end_time_unix_nano=T0 + span.start + span.duration,
            attributes=[KeyValue(key=key, value=any_value(each)) for key, each in span.attributes.items()],
        )
        put.status.code = span.status
    return made


def record_of(offset: int, *spans: Made, tenant: str = "acme", retention_class: int = 0, append_ms: int = 0) -> Record:
    """A record of the log that holds these spans."""
    return record(Signal.TRACES, offset, request(*spans), tenant, retention_class, append_ms)


def facts(records: Sequence[Record], end: int = 100, log_ms: int = 0, since_ms: int = 0) -> SpanFacts:
    """Of a window of these records; log time was `since_ms` before it, and at its end is `log_ms` at least."""
    batch = batch_of(records, end, log_ms, since_ms)
    return SpanFacts(batch, identify(batch))


def measured(window: SpanFacts, cardinality: Cardinality, **document: Any) -> pa.RecordBatch:
    """Rows of `red` where the rule of all tenants says this."""
    batch = window.batch
    places = np.arange(len(batch.tenants))
    rules = InForce(batch.tenant.astype(np.int64), places, [parse(document)] * len(places))
    return red_rows(window, rules, cardinality)


def batch_of(records: Sequence[Record], end: int = 100, log_ms: int = 0, since_ms: int = 0) -> Batch:
    times = list(accumulate((max(since_ms, each.append_ms) for each in records), max)) or [since_ms]
    entries = tuple(_entry(each, time) for each, time in zip(records, times, strict=False))
    last = max(times[-1], log_ms)
    start = records[0].offset if records else end - 1
    return batches.read(Window(TopicPartition(Signal.TRACES.topic, 5), start, end, times[0], last, entries, 0))


def _entry(record: Record, log_ms: int) -> Entry:
    said = parse_headers(record.headers)
    if not isinstance(said, Framing):
        raise AssertionError(said)
    return Entry(record=record, log_ms=log_ms, framing=said)


def plain(rows: pa.RecordBatch, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of each row."""
    return list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))


def bucket(duration: int) -> int:
    """By logarithms: not for durations at a bound."""
    return math.floor(math.log2(duration) * 16) if duration > 0 else -1
