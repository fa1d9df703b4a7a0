"""A span as a client sees it."""

from __future__ import annotations

from enum import Enum

import strawberry

from query.graphql.scalars import JSON, DateTime
from query.read.spans import SpanRow, Spans
from query.read.values import ZERO_SPAN, ZERO_TRACE, JsonMap, typed

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@strawberry.enum
class StatusCode(Enum):
    """Numbers of OTLP."""

    UNSET = 0
    OK = 1
    ERROR = 2


@strawberry.type
class SpanEvent:
    time: DateTime
    name: str
    attributes: JSON


@strawberry.type
class SpanLink:
    trace_id: strawberry.ID | None
    span_id: strawberry.ID | None
    trace_state: str
    attributes: JSON


@strawberry.type
class Span:
    row: strawberry.Private[SpanRow]
    resource_attributes: strawberry.Private[JsonMap]

    trace_id: strawberry.ID
    span_id: strawberry.ID
    parent_id: strawberry.ID | None
    name: str
    kind: str = strawberry.field(description="INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER or UNSPECIFIED.")
    service: str
    start: DateTime
    end: DateTime
    duration_ns: float
    status: StatusCode
    status_message: str | None
    adjusted_count: float = strawberry.field(description="How many spans it stands for after sampling.")

    @strawberry.field
    def attributes(self) -> JSON:
        return JSON(typed(self.row.attributes, self.row.attributes_json))

    @strawberry.field
    def resource(self) -> JSON:
        return JSON(self.resource_attributes)

    @strawberry.field(description="name, version and attributes of the instrumentation scope.")
    def scope(self) -> JSON:
        row = self.row
        attributes = typed(row.scope_attributes, row.scope_attributes_json)
        return JSON({"name": row.scope_name, "version": row.scope_version, "attributes": attributes})

    @strawberry.field
    def events(self) -> list[SpanEvent]:
        row = self.row
        columns = (row.events_time, row.events_name, row.events_attributes, row.events_attributes_json)
        return [
            SpanEvent(time=DateTime(time), name=name, attributes=JSON(typed(attributes, json_keys)))
            for time, name, attributes, json_keys in zip(*columns, strict=True)
        ]

    @strawberry.field
    def links(self) -> list[SpanLink]:
        row = self.row
        ids = (row.links_trace_id, row.links_span_id, row.links_trace_state)
        return [
            SpanLink(
                trace_id=optional_id(trace_id, ZERO_TRACE),
                span_id=optional_id(span_id, ZERO_SPAN),
                trace_state=state,
                attributes=JSON(typed(attributes, json_keys)),
            )
            for trace_id, span_id, state, attributes, json_keys in zip(
                *ids, row.links_attributes, row.links_attributes_json, strict=True
            )
        ]


def optional_id(text: str, zero: str) -> strawberry.ID | None:
    """An id that is all zeros is none."""
    return None if text == zero else strawberry.ID(text)


def to_kind(number: int) -> str:
    """The name of OTLP's number; one that it does not have is as unspecified."""
    return _KINDS[number] if number < len(_KINDS) else _KINDS[0]


def to_spans(found: Spans) -> list[Span]:
    """In the order given."""
    return [_to_span(row, found.resources.get(row.resource, {})) for row in found.rows]


def _to_span(row: SpanRow, resource: JsonMap) -> Span:
    return Span(
        row=row,
        resource_attributes=resource,
        trace_id=strawberry.ID(row.trace_id),
        span_id=strawberry.ID(row.span_id),
        parent_id=optional_id(row.parent_id, ZERO_SPAN),
        name=row.name,
        kind=to_kind(row.kind),
        service=row.service,
        start=DateTime(row.start),
        end=DateTime(row.start + row.duration),
        duration_ns=float(row.duration),
        status=StatusCode(row.status) if row.status <= StatusCode.ERROR.value else StatusCode.UNSET,
        status_message=row.status_message or None,
        adjusted_count=row.adjusted_count,
    )
