"""OTLP protobuf as columns, without an object per span.

    data, bounds = join([body_of_call_0, body_of_call_1])
    result = scan(Signal.TRACES, data, bounds)
    result.status                                # ErrorCode of each call; one bad body fails alone
    ids = result.items["trace_id"].fixed(16)     # uint8[spans, 16]
    found = result.find(Owner.RESOURCE, b"service.name")
    services = result.attributes["value"].take(found)[result.resource_of_items]

The tables and their parents: resources -> call, scopes -> resources, items (Span, Metric, LogRecord) -> scopes,
events, links and points -> items, exemplars and quantiles -> points; attributes -> the row of their owner, which
may be any of them; values (nested in arrays and maps) -> attributes, items (a log's body) or values. Their columns
stand in `schema/wire/descriptors.py`.
"""

from __future__ import annotations

from schema.wire.columns import Table
from schema.wire.count import count_items
from schema.wire.descriptors import Holder, MetricData, Owner, Tab, ValueKind
from schema.wire.edits import Edits
from schema.wire.errors import ErrorCode
from schema.wire.scan import Scan, Spare, join, outline, rescan, scan
from schema.wire.slices import Slices
from schema.wire.splice import edited
from schema.wire.split import Piece, Split, item_counts, split

__all__ = [
    "Edits",
    "ErrorCode",
    "Holder",
    "MetricData",
    "Owner",
    "Piece",
    "Scan",
    "Slices",
    "Spare",
    "Split",
    "Tab",
    "Table",
    "ValueKind",
    "count_items",
    "edited",
    "item_counts",
    "join",
    "outline",
    "rescan",
    "scan",
    "split",
]
