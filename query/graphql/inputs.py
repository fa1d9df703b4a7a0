"""What a client asks with, and its way into the terms of query.read."""

from __future__ import annotations

import math
import re

import strawberry

from query.errors import BadInput
from query.graphql.scalars import DateTime
from query.graphql.spans import StatusCode
from query.read.attributes import Match, MatchOp
from query.read.logs import LogQuery as LogConditions
from query.read.traces import TraceQuery as TraceConditions
from query.source import Range

LONGEST_TEXT = 4_096
MOST_MATCHES = 20
LARGEST_PAGE = 1_000
MOST_DIMENSIONS = 8

strawberry.enum(
    MatchOp,
    description="How an attribute's text is compared. NE, NOT_REGEX and NOT_EXISTS are the exact opposites of EQ, "
    "REGEX and EXISTS: they also hold where the attribute is missing. REGEX is RE2 and matches anywhere in the text "
    "unless anchored. GT and LT hold only between numbers.",
)


@strawberry.input(description="From start to end, both included.")
class TimeRange:
    start: DateTime
    end: DateTime


@strawberry.input(
    description="A condition on one attribute. Values are compared as the strings of their JSON: "
    "the number 3 as 3, true as true, a string as itself."
)
class AttributeMatch:
    key: str
    value: str | None = strawberry.UNSET
    op: MatchOp | None = MatchOp.EQ


@strawberry.input(
    description="All conditions hold on one and the same span; durations are that span's. Attributes are looked for in "
    "the span, its resource, scope, events and links."
)
class TraceQuery:
    range: TimeRange
    service: str | None = strawberry.UNSET
    operation: str | None = strawberry.UNSET
    attributes: list[AttributeMatch] | None = strawberry.UNSET
    status: StatusCode | None = strawberry.UNSET
    min_duration_ms: float | None = strawberry.UNSET
    max_duration_ms: float | None = strawberry.UNSET


@strawberry.input(
    description="All conditions hold on one record. text is looked for in the body, whatever its case. "
    "Attributes are looked for in the record, its resource and scope."
)
class LogQuery:
    range: TimeRange
    service: str | None = strawberry.UNSET
    text: str | None = strawberry.UNSET
    min_severity: int | None = strawberry.UNSET
    trace_id: strawberry.ID | None = strawberry.UNSET
    attributes: list[AttributeMatch] | None = strawberry.UNSET


def trace_conditions(query: TraceQuery) -> TraceConditions:
    """Raises BadInput, naming the argument."""
    return TraceConditions(
        range=to_range(query.range),
        service=given_text("service", query.service),
        operation=given_text("operation", query.operation),
        attributes=_matches(query.attributes),
        status=query.status.value if query.status else None,
        min_duration_ms=_duration("minDurationMs", query.min_duration_ms),
        max_duration_ms=_duration("maxDurationMs", query.max_duration_ms),
    )


def log_conditions(query: LogQuery) -> LogConditions:
    """Raises BadInput, naming the argument."""
    return LogConditions(
        range=to_range(query.range),
        service=given_text("service", query.service),
        text=given_text("text", query.text),
        min_severity=query.min_severity if query.min_severity else None,
        trace_id=to_trace_id("traceId", query.trace_id) if query.trace_id else None,
        attributes=_matches(query.attributes),
    )


def to_range(range: TimeRange) -> Range:
    """Raises BadInput if it ends before it starts."""
    if range.end < range.start:
        raise BadInput("range: end is before start")
    return Range(range.start, range.end)


_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def to_trace_id(name: str, text: str) -> str:
    """In lower case. Raises BadInput, naming the argument, for anything but 32 hexadecimal digits."""
    lower = text.strip().lower()
    if not _TRACE_ID.fullmatch(lower):
        raise BadInput(f"{name}: a trace id is 32 hexadecimal digits")
    return lower


def to_page(first: int | None, default: int) -> int:
    """Items of a page. Raises BadInput for none, or for more than LARGEST_PAGE."""
    wanted = default if first is None else first
    if not 1 <= wanted <= LARGEST_PAGE:
        raise BadInput(f"first: between 1 and {LARGEST_PAGE}")
    return wanted


def given_text(name: str, value: str | None) -> str | None:
    """None if absent. Raises BadInput, naming the argument, for one that is too long for a query."""
    if not isinstance(value, str):
        return None
    if len(value) > LONGEST_TEXT:
        raise BadInput(f"{name}: longer than {LONGEST_TEXT} characters")
    return value


def to_dimensions(keys: list[str] | None) -> tuple[str, ...]:
    """Keys, each once. Raises BadInput, naming the argument, for more than a series can have."""
    found = tuple(dict.fromkeys(keys or ()))
    if len(found) > MOST_DIMENSIONS:
        raise BadInput(f"by: more than {MOST_DIMENSIONS} keys")
    return tuple(given_text("by", key) or "" for key in found)


def _matches(attributes: list[AttributeMatch] | None) -> tuple[Match, ...]:
    if not attributes:
        return ()
    if len(attributes) > MOST_MATCHES:
        raise BadInput(f"attributes: more than {MOST_MATCHES} conditions")
    return tuple(
        Match(
            key=given_text("attributes: key", match.key) or "",
            value=given_text(f"attributes: value of {match.key[:100]!r}", match.value),
            op=match.op or MatchOp.EQ,
        )
        for match in attributes
    )


def _duration(name: str, value: float | None) -> float | None:
    if not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value):
        raise BadInput(f"{name}: not a finite number")
    return value
