"""Log records as a client sees them."""

from __future__ import annotations

import strawberry

from query import cursor
from query.database import Database
from query.graphql.paging import PageInfo
from query.graphql.scalars import JSON, DateTime
from query.graphql.spans import optional_id
from query.read.logs import LogPosition, LogQuery, LogRow, Logs, matching_logs, position_after
from query.read.values import ZERO_SPAN, ZERO_TRACE, JsonMap, parsed, typed


@strawberry.type
class LogRecord:
    row: strawberry.Private[LogRow]
    resource_attributes: strawberry.Private[JsonMap]

    time: DateTime
    observed_time: DateTime | None
    severity_number: int
    severity_text: str | None
    service: str
    trace_id: strawberry.ID | None
    span_id: strawberry.ID | None

    @strawberry.field
    def body(self) -> JSON | None:
        return JSON(parsed(self.row.body) if self.row.body_json else self.row.body)

    @strawberry.field
    def attributes(self) -> JSON:
        return JSON(typed(self.row.attributes, self.row.attributes_json))

    @strawberry.field
    def resource(self) -> JSON:
        return JSON(self.resource_attributes)


@strawberry.type
class LogEdge:
    node: LogRecord
    cursor: str


@strawberry.type
class LogConnection:
    edges: list[LogEdge]
    page_info: PageInfo


def to_logs(found: Logs) -> list[LogRecord]:
    """In the order given."""
    return [_to_log(row, found.resources.get(row.resource, {})) for row in found.rows]


def _to_log(row: LogRow, resource: JsonMap) -> LogRecord:
    return LogRecord(
        row=row,
        resource_attributes=resource,
        time=DateTime(row.time),
        observed_time=DateTime(row.observed_time) if row.observed_time else None,
        severity_number=row.severity_number,
        severity_text=row.severity_text or None,
        service=row.service,
        trace_id=optional_id(row.trace_id, ZERO_TRACE),
        span_id=optional_id(row.span_id, ZERO_SPAN),
    )


async def log_page(database: Database, tenant: str, query: LogQuery, first: int, after: str | None) -> LogConnection:
    """One page, newest first. Raises QueryError."""
    position = None if after is None else LogPosition(*map(int, cursor.decode("logs", after, int, int, int)))
    found = await matching_logs(database, tenant, query, first + 1, position)
    edges = [
        LogEdge(node=node, cursor=cursor.encode("logs", *position_after(found.rows, index, position)))
        for index, node in enumerate(to_logs(Logs(found.rows[:first], found.resources)))
    ]
    return LogConnection(edges=edges, page_info=PageInfo.of([edge.cursor for edge in edges], len(found.rows) > first))
