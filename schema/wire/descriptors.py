"""OTLP's messages as the scanner sees them: which field goes to which column of which table.

Written by hand, because importing the generated modules costs 100 ms and 20 MB; a test compares every line with
the official descriptors of opentelemetry-proto. Tables are named alike for the three signals, so that code for
them is written once. A message that may occur once is inlined into its parent's row under a dotted name; one that
repeats has a table of its own. Fields that are only validated (entity references) have no column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from schema.signal import Signal


class Tab(IntEnum):
    """The scanner's tables."""

    RESOURCES = 0
    SCOPES = 1
    ITEMS = 2
    POINTS = 3
    ATTRIBUTES = 4
    EVENTS = 5
    LINKS = 6
    EXEMPLARS = 7
    QUANTILES = 8
    BUCKET_COUNTS = 9
    EXPLICIT_BOUNDS = 10
    POSITIVE_COUNTS = 11
    NEGATIVE_COUNTS = 12
    VALUES = 13
    UNKNOWN = 14
    """Fields that OTLP does not define, wherever they stand; every signal has it, and the parent is the call."""


LISTS = (Tab.BUCKET_COUNTS, Tab.EXPLICIT_BOUNDS, Tab.POSITIVE_COUNTS, Tab.NEGATIVE_COUNTS)
"""Tables of plain numbers: a row is (parent, number)."""


class Owner(IntEnum):
    """What an attribute belongs to: the table in which its parent row stands."""

    RESOURCE = 0
    SCOPE = 1
    ITEM = 2
    EVENT = 3
    LINK = 4
    POINT = 5
    EXEMPLAR = 6


OWNER_TABLE = {
    Owner.RESOURCE: Tab.RESOURCES,
    Owner.SCOPE: Tab.SCOPES,
    Owner.ITEM: Tab.ITEMS,
    Owner.EVENT: Tab.EVENTS,
    Owner.LINK: Tab.LINKS,
    Owner.POINT: Tab.POINTS,
    Owner.EXEMPLAR: Tab.EXEMPLARS,
}


class Holder(IntEnum):
    """What holds a nested value, an element of an array or a map: the table in which its parent row stands."""

    ATTRIBUTE = 0
    BODY = 1
    """A log record's body; the parent is the row in the items."""
    VALUE = 2
    """Another nested value."""


class ValueKind(IntEnum):
    """Which member of AnyValue's oneof is set: its field number in the .proto; 0 for none.

    Number data points and exemplars use INT and DOUBLE of the same list.
    """

    NONE = 0
    STRING = 1
    BOOL = 2
    INT = 3
    DOUBLE = 4
    ARRAY = 5
    KVLIST = 6
    BYTES = 7
    STRINDEX = 8


class MetricData(IntEnum):
    """Which kind of data a Metric holds: the field number in the .proto; 0 for none."""

    NONE = 0
    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11


class Type(IntEnum):
    """A field's type on the wire, as far as the scanner tells types apart."""

    STRING = 0
    BYTES = 1
    UINT64 = 2
    INT64 = 3
    UINT32 = 4
    INT32 = 5
    BOOL = 6
    SINT32 = 7
    FIXED64 = 8
    SFIXED64 = 9
    DOUBLE = 10
    FIXED32 = 11
    MESSAGE = 12
    FIXED64_LIST = 13
    DOUBLE_LIST = 14
    UINT64_LIST = 15


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    `column`: name of the column that gets it; "" for none (validated only). `mark`: (column, number) written when
    the field occurs, the memory of a oneof or of presence. `message`: name of the sub-message. `table`: the table in
    which each occurrence is a row (or a list's numbers go); None inlines the message. `aux`: number noted in each
    such row (the Owner of attributes, the MetricData of points). `union`: numbers of the fields that may not occur
    together with this message field, itself included, without being merged first.
    """

    number: int
    type: Type
    column: str = ""
    mark: tuple[str, int] | None = None
    message: str = ""
    table: Tab | None = None
    aux: int = 0
    union: tuple[int, ...] = ()


Message = tuple[Field, ...]


def _rows(number: int, message: str, table: Tab, aux: int = 0) -> Field:
    return Field(number, Type.MESSAGE, message=message, table=table, aux=aux)


def _attributes(number: int, owner: Owner) -> Field:
    return _rows(number, "KeyValue", Tab.ATTRIBUTES, owner)


def _inline(number: int, message: str, column: str = "") -> Field:
    return Field(number, Type.MESSAGE, column, message=message, union=(number,))


def _checked(number: int, message: str) -> Field:
    """A repeated message without a table."""
    return Field(number, Type.MESSAGE, message=message)


def _any_value(column: str, array: str, pairs: str) -> Message:
    """AnyValue whose parts go to `column`, `column`.kind and `column`.number; names of its array and its map."""

    def member(number: int, type_: Type, part: str, message: str = "") -> Field:
        union = (number,) if message else ()
        return Field(number, type_, column + part, (f"{column}.kind", number), message, union=union)

    return (
        member(1, Type.STRING, ""),
        member(2, Type.BOOL, ".number"),
        member(3, Type.INT64, ".number"),
        member(4, Type.DOUBLE, ".number"),
        member(5, Type.MESSAGE, "", array),
        member(6, Type.MESSAGE, "", pairs),
        member(7, Type.BYTES, ""),
        Field(8, Type.INT32, "", (f"{column}.kind", 8)),
    )


_COMMON: dict[str, Message] = {
    "Resource": (
        _attributes(1, Owner.RESOURCE),
        Field(2, Type.UINT32),
        _checked(3, "EntityRef"),
    ),
    "EntityRef": (Field(1, Type.STRING), Field(2, Type.STRING), Field(3, Type.STRING), Field(4, Type.STRING)),
    "InstrumentationScope": (
        Field(1, Type.STRING, "scope.name"),
        Field(2, Type.STRING, "scope.version"),
        _attributes(3, Owner.SCOPE),
        Field(4, Type.UINT32),
    ),
    "KeyValue": (Field(1, Type.STRING, "key"), _inline(2, "AnyValue"), Field(3, Type.INT32)),
    "AnyValue": _any_value("value", "ArrayValue", "KeyValueList"),
    "ArrayValue": (_rows(1, "NestedValue", Tab.VALUES, Holder.ATTRIBUTE),),
    "KeyValueList": (_rows(1, "NestedKeyValue", Tab.VALUES, Holder.ATTRIBUTE),),
    "NestedKeyValue": (Field(1, Type.STRING, "key"), _inline(2, "NestedValue"), Field(3, Type.INT32)),
    "NestedValue": _any_value("value", "NestedArray", "NestedList"),
    "NestedArray": (_rows(1, "NestedValue", Tab.VALUES, Holder.VALUE),),
    "NestedList": (_rows(1, "NestedKeyValue", Tab.VALUES, Holder.VALUE),),
}

_RESOURCE_FIELDS: Message = (_inline(1, "Resource", "resource"), Field(3, Type.STRING, "schema_url"))
_SCOPE_FIELDS: Message = (_inline(1, "InstrumentationScope", "scope"), Field(3, Type.STRING, "schema_url"))

_TRACES: dict[str, Message] = {
    "Request": (_rows(1, "ResourceSpans", Tab.RESOURCES),),
    "ResourceSpans": (*_RESOURCE_FIELDS, _rows(2, "ScopeSpans", Tab.SCOPES)),
    "ScopeSpans": (*_SCOPE_FIELDS, _rows(2, "Span", Tab.ITEMS)),
    "Span": (
        Field(1, Type.BYTES, "trace_id"),
        Field(2, Type.BYTES, "span_id"),
        Field(3, Type.STRING, "trace_state"),
        Field(4, Type.BYTES, "parent_span_id"),
        Field(5, Type.STRING, "name"),
        Field(6, Type.INT32, "kind"),
        Field(7, Type.FIXED64, "start_time_unix_nano"),
        Field(8, Type.FIXED64, "end_time_unix_nano"),
        _attributes(9, Owner.ITEM),
        Field(10, Type.UINT32, "dropped_attributes_count"),
        _rows(11, "Event", Tab.EVENTS),
        Field(12, Type.UINT32, "dropped_events_count"),
        _rows(13, "Link", Tab.LINKS),
        Field(14, Type.UINT32, "dropped_links_count"),
        _inline(15, "Status"),
        Field(16, Type.FIXED32, "flags"),
    ),
    "Status": (Field(2, Type.STRING, "status.message"), Field(3, Type.INT32, "status.code")),
    "Event": (
        Field(1, Type.FIXED64, "time_unix_nano"),
        Field(2, Type.STRING, "name"),
        _attributes(3, Owner.EVENT),
        Field(4, Type.UINT32, "dropped_attributes_count"),
    ),
    "Link": (
        Field(1, Type.BYTES, "trace_id"),
        Field(2, Type.BYTES, "span_id"),
        Field(3, Type.STRING, "trace_state"),
        _attributes(4, Owner.LINK),
        Field(5, Type.UINT32, "dropped_attributes_count"),
        Field(6, Type.FIXED32, "flags"),
    ),
}

_LOGS: dict[str, Message] = {
    "Request": (_rows(1, "ResourceLogs", Tab.RESOURCES),),
    "ResourceLogs": (*_RESOURCE_FIELDS, _rows(2, "ScopeLogs", Tab.SCOPES)),
    "ScopeLogs": (*_SCOPE_FIELDS, _rows(2, "LogRecord", Tab.ITEMS)),
    "LogRecord": (
        Field(1, Type.FIXED64, "time_unix_nano"),
        Field(2, Type.INT32, "severity_number"),
        Field(3, Type.STRING, "severity_text"),
        _inline(5, "Body"),
        _attributes(6, Owner.ITEM),
        Field(7, Type.UINT32, "dropped_attributes_count"),
        Field(8, Type.FIXED32, "flags"),
        Field(9, Type.BYTES, "trace_id"),
        Field(10, Type.BYTES, "span_id"),
        Field(11, Type.FIXED64, "observed_time_unix_nano"),
        Field(12, Type.STRING, "event_name"),
    ),
    "Body": _any_value("body", "BodyArray", "BodyList"),
    "BodyArray": (_rows(1, "NestedValue", Tab.VALUES, Holder.BODY),),
    "BodyList": (_rows(1, "NestedKeyValue", Tab.VALUES, Holder.BODY),),
}


def _data(number: MetricData, message: str) -> Field:
    return Field(number, Type.MESSAGE, mark=("data", number), message=message, union=tuple(d for d in MetricData if d))


def _points(message: str, data: MetricData) -> Field:
    return _rows(1, message, Tab.POINTS, data)


def _list(number: int, type_: Type, table: Tab) -> Field:
    return Field(number, type_, table=table)


def _present(number: int, column: str) -> Field:
    """An optional double with a flag for its presence."""
    return Field(number, Type.DOUBLE, column, (f"has_{column}", 1))


_TEMPORALITY = Field(2, Type.INT32, "aggregation_temporality")
_START = Field(2, Type.FIXED64, "start_time_unix_nano")
_TIME = Field(3, Type.FIXED64, "time_unix_nano")
_COUNT = Field(4, Type.FIXED64, "count")
_NUMBER: Message = (
    Field(4, Type.DOUBLE, "value.number", ("value.kind", ValueKind.DOUBLE)),
    Field(6, Type.SFIXED64, "value.number", ("value.kind", ValueKind.INT)),
)

_METRICS: dict[str, Message] = {
    "Request": (_rows(1, "ResourceMetrics", Tab.RESOURCES),),
    "ResourceMetrics": (*_RESOURCE_FIELDS, _rows(2, "ScopeMetrics", Tab.SCOPES)),
    "ScopeMetrics": (*_SCOPE_FIELDS, _rows(2, "Metric", Tab.ITEMS)),
    "Metric": (
        Field(1, Type.STRING, "name"),
        Field(2, Type.STRING, "description"),
        Field(3, Type.STRING, "unit"),
        _data(MetricData.GAUGE, "Gauge"),
        _data(MetricData.SUM, "Sum"),
        _data(MetricData.HISTOGRAM, "Histogram"),
        _data(MetricData.EXPONENTIAL_HISTOGRAM, "ExponentialHistogram"),
        _data(MetricData.SUMMARY, "Summary"),
        _attributes(12, Owner.ITEM),
    ),
    "Gauge": (_points("NumberDataPoint", MetricData.GAUGE),),
    "Sum": (
        _points("NumberDataPoint", MetricData.SUM),
        _TEMPORALITY,
        Field(3, Type.BOOL, "is_monotonic"),
    ),
    "Histogram": (_points("HistogramDataPoint", MetricData.HISTOGRAM), _TEMPORALITY),
    "ExponentialHistogram": (
        _points("ExponentialHistogramDataPoint", MetricData.EXPONENTIAL_HISTOGRAM),
        _TEMPORALITY,
    ),
    "Summary": (_points("SummaryDataPoint", MetricData.SUMMARY),),
    "NumberDataPoint": (
        _START,
        _TIME,
        *_NUMBER,
        _rows(5, "Exemplar", Tab.EXEMPLARS),
        _attributes(7, Owner.POINT),
        Field(8, Type.UINT32, "flags"),
    ),
    "HistogramDataPoint": (
        _START,
        _TIME,
        _COUNT,
        _present(5, "sum"),
        _list(6, Type.FIXED64_LIST, Tab.BUCKET_COUNTS),
        _list(7, Type.DOUBLE_LIST, Tab.EXPLICIT_BOUNDS),
        _rows(8, "Exemplar", Tab.EXEMPLARS),
        _attributes(9, Owner.POINT),
        Field(10, Type.UINT32, "flags"),
        _present(11, "min"),
        _present(12, "max"),
    ),
    "ExponentialHistogramDataPoint": (
        _attributes(1, Owner.POINT),
        _START,
        _TIME,
        _COUNT,
        _present(5, "sum"),
        Field(6, Type.SINT32, "scale"),
        Field(7, Type.FIXED64, "zero_count"),
        _inline(8, "Positive"),
        _inline(9, "Negative"),
        Field(10, Type.UINT32, "flags"),
        _rows(11, "Exemplar", Tab.EXEMPLARS),
        _present(12, "min"),
        _present(13, "max"),
        Field(14, Type.DOUBLE, "zero_threshold"),
    ),
    "Positive": (
        Field(1, Type.SINT32, "positive.offset"),
        _list(2, Type.UINT64_LIST, Tab.POSITIVE_COUNTS),
    ),
    "Negative": (
        Field(1, Type.SINT32, "negative.offset"),
        _list(2, Type.UINT64_LIST, Tab.NEGATIVE_COUNTS),
    ),
    "SummaryDataPoint": (
        _START,
        _TIME,
        _COUNT,
        Field(5, Type.DOUBLE, "sum"),
        _rows(6, "ValueAtQuantile", Tab.QUANTILES),
        _attributes(7, Owner.POINT),
        Field(8, Type.UINT32, "flags"),
    ),
    "ValueAtQuantile": (Field(1, Type.DOUBLE, "quantile"), Field(2, Type.DOUBLE, "value")),
    "Exemplar": (
        Field(2, Type.FIXED64, "time_unix_nano"),
        Field(3, Type.DOUBLE, "value.number", ("value.kind", ValueKind.DOUBLE)),
        Field(4, Type.BYTES, "span_id"),
        Field(5, Type.BYTES, "trace_id"),
        _NUMBER[1],
        _attributes(7, Owner.EXEMPLAR),
    ),
}

MESSAGES: dict[Signal, dict[str, Message]] = {
    Signal.TRACES: _TRACES | _COMMON,
    Signal.METRICS: _METRICS | _COMMON,
    Signal.LOGS: _LOGS | _COMMON,
}
"""For each signal: message name -> fields. "Request" is the root; a name that is not the .proto's own stands for a
message of the same shape whose columns have other names or whose rows another parent (`PROTO_NAME`)."""

PROTO_NAME = {
    "Body": "AnyValue",
    "NestedValue": "AnyValue",
    "NestedKeyValue": "KeyValue",
    "NestedArray": "ArrayValue",
    "NestedList": "KeyValueList",
    "BodyArray": "ArrayValue",
    "BodyList": "KeyValueList",
    "Positive": "Buckets",
    "Negative": "Buckets",
}
"""The .proto's name where ours differs."""
