"""Arrow schemas of the ClickHouse tables of schema/clickhouse: what a row looks like on its way into a table.

Columns come in the table's order. Fields are not nullable, as the tables' columns are not. Text that repeats within
a block goes as a dictionary, which spares both sides the copies.
"""

from __future__ import annotations

import pyarrow as pa

_WORD = pa.dictionary(pa.int32(), pa.string())
_TRACE_ID, _SPAN_ID = pa.binary(16), pa.binary(8)
_MAP, _KEYS = pa.map_(pa.string(), pa.string()), pa.list_(pa.string())
_NS, _MS, _S = pa.timestamp("ns", "UTC"), pa.timestamp("ms", "UTC"), pa.timestamp("s", "UTC")

_PLACE: dict[str, pa.DataType] = {"tenant": _WORD, "class": pa.uint8(), "day": pa.date32()}
_SCOPE: dict[str, pa.DataType] = {
    "scope_name": _WORD,
    "scope_version": _WORD,
    "scope_attributes": _MAP,
    "scope_attributes_json": _KEYS,
}
_ATTRIBUTES: dict[str, pa.DataType] = {"attributes": _MAP, "attributes_json": _KEYS}
_BLOCK: dict[str, pa.DataType] = {"block": pa.uint64()}


def _table(*columns: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for part in columns for name, kind in part.items()])


SPANS = _table(
    _PLACE,
    {
        "time": _NS,
        "duration_ns": pa.int64(),
        "trace_id": _TRACE_ID,
        "span_id": _SPAN_ID,
        "parent_id": _SPAN_ID,
        "trace_state": pa.string(),
        "flags": pa.uint32(),
        "service": _WORD,
        "name": pa.string(),
        "kind": pa.uint8(),
        "status": pa.uint8(),
        "status_message": pa.string(),
        "adjusted_count": pa.float64(),
        "resource": pa.uint64(),
    },
    _SCOPE,
    _ATTRIBUTES,
    {
        "events_time": pa.list_(_NS),
        "events_name": pa.list_(pa.string()),
        "events_attributes": pa.list_(_MAP),
        "events_attributes_json": pa.list_(_KEYS),
        "links_trace_id": pa.list_(_TRACE_ID),
        "links_span_id": pa.list_(_SPAN_ID),
        "links_trace_state": pa.list_(pa.string()),
        "links_attributes": pa.list_(_MAP),
        "links_attributes_json": pa.list_(_KEYS),
    },
    _BLOCK,
)

TRACE_INDEX = _table(
    _PLACE,
    {
        "trace_id": _TRACE_ID,
        "min_time": _NS,
        "max_time": _NS,
        "spans": pa.uint32(),
        "partition": pa.uint16(),
        "first_offset": pa.uint64(),
        "last_offset": pa.uint64(),
        "pending": pa.bool_(),
    },
    _BLOCK,
)

DECISIONS = _table(
    _PLACE,
    {
        "trace_id": _TRACE_ID,
        "decided": _MS,
        "kept": pa.bool_(),
        "policy": _WORD,
        "reason": _WORD,
        "early": _WORD,
        "rate": pa.float64(),
        "estimated": pa.bool_(),
        "rule_version": pa.uint32(),
        "first_seen": _MS,
        "last_seen": _MS,
        "spans": pa.uint32(),
        "duplicates": pa.uint32(),
        "bytes": pa.uint64(),
        "partition": pa.uint16(),
        "first_offset": pa.uint64(),
        "last_offset": pa.uint64(),
        "remembered_until": pa.uint64(),
    },
    _BLOCK,
)

SAMPLER_STATES = _table(_PLACE, {"rule_version": pa.uint32(), "state": pa.string()}, _BLOCK)

LOGS = _table(
    _PLACE,
    {
        "time": _NS,
        "observed_time": _NS,
        "trace_id": _TRACE_ID,
        "span_id": _SPAN_ID,
        "flags": pa.uint32(),
        "severity_number": pa.uint8(),
        "severity_text": pa.string(),
        "service": _WORD,
        "event_name": pa.string(),
        "body": pa.string(),
        "body_json": pa.bool_(),
        "resource": pa.uint64(),
    },
    _SCOPE,
    _ATTRIBUTES,
    _BLOCK,
)

RESOURCES = _table(_PLACE, {"resource": pa.uint64(), "service": pa.string(), "schema_url": pa.string()}, _ATTRIBUTES)

SERIES = _table(
    _PLACE,
    {
        "metric": pa.string(),
        "series": pa.uint64(),
        "labels": _MAP,
        "type": pa.string(),
        "unit": pa.string(),
        "help": pa.string(),
        "temporality": pa.string(),
    },
)

SAMPLES = _table(_PLACE, {"metric_hash": pa.uint32(), "series": pa.uint64(), "time": _MS, "bits": pa.uint64()})
"""Which block a row is of stands in one row of each part stored (0007_samples.sql)."""

SERIES_SEEN = _table(_PLACE, {"time": _MS, "series": pa.uint64(), "new": pa.bool_()}, _BLOCK)

HA_REPLICAS = _table(_PLACE, {"time": _MS, "cluster": pa.string(), "replica": pa.string()}, _BLOCK)

SERIES_REFUSED = _table(
    _PLACE,
    {"time": _MS, "metric": pa.string(), "reason": pa.string(), "series": pa.uint64(), "samples": pa.uint64()},
    _BLOCK,
)

RECORDED = _table(
    _PLACE,
    {
        "metric_hash": pa.uint32(),
        "series": pa.uint64(),
        "time": _MS,
        "rule": pa.uint64(),
        "interval_ms": pa.uint32(),
        "merge": pa.uint8(),
        "scale": pa.float64(),
        "shift": pa.float64(),
        "value": pa.float64(),
        "count": pa.uint32(),
    },
    _BLOCK,
)

RECORDED_UNTIL = _table(_PLACE, {"metric_hash": pa.uint32(), "rule": pa.uint64(), "since": _MS, "until": _MS}, _BLOCK)

HISTOGRAMS = _table(
    _PLACE,
    {
        "series": pa.uint64(),
        "time": _MS,
        "count": pa.uint64(),
        "sum": pa.float64(),
        "scale": pa.int8(),
        "zero_threshold": pa.float64(),
        "zero_count": pa.uint64(),
        "positive_offset": pa.int32(),
        "positive_counts": pa.list_(pa.uint64()),
        "negative_offset": pa.int32(),
        "negative_counts": pa.list_(pa.uint64()),
    },
    _BLOCK,
)

EXEMPLARS = _table(
    _PLACE,
    {"series": pa.uint64(), "time": _MS, "value": pa.float64(), "trace_id": _TRACE_ID, "span_id": _SPAN_ID},
    _ATTRIBUTES,
    _BLOCK,
)

_HISTOGRAM: dict[str, pa.DataType] = {"buckets": pa.list_(pa.int16()), "counts": pa.list_(pa.float64())}

RED = _table(
    _PLACE,
    {
        "time": _S,
        "service": _WORD,
        "operation": pa.string(),
        "kind": pa.uint8(),
        "status": pa.uint8(),
        "entry": pa.bool_(),
        "dimensions": _MAP,
        "overflow": pa.bool_(),
        "requests": pa.float64(),
        "spans": pa.uint64(),
        "duration_ns": pa.float64(),
    },
    _HISTOGRAM,
    _BLOCK,
)

RED_EXEMPLARS = _table(
    _PLACE,
    {
        "time": _NS,
        "service": _WORD,
        "operation": pa.string(),
        "kind": pa.uint8(),
        "status": pa.uint8(),
        "duration_ns": pa.int64(),
        "trace_id": _TRACE_ID,
        "span_id": _SPAN_ID,
    },
    _BLOCK,
)

SERVICE_EDGES = _table(
    _PLACE,
    {
        "time": _S,
        "client": _WORD,
        "server": _WORD,
        "connection": _WORD,
        "virtual": _WORD,
        "requests": pa.float64(),
        "errors": pa.float64(),
    },
    {
        f"{side}_{name}": kind
        for side in ("client", "server")
        for name, kind in ({"duration_ns": pa.float64()} | _HISTOGRAM).items()
    },
    _BLOCK,
)

TABLES: dict[str, pa.Schema] = {
    "spans": SPANS,
    "trace_index": TRACE_INDEX,
    "decisions": DECISIONS,
    "sampler_states": SAMPLER_STATES,
    "logs": LOGS,
    "resources": RESOURCES,
    "series": SERIES,
    "samples": SAMPLES,
    "series_seen": SERIES_SEEN,
    "series_refused": SERIES_REFUSED,
    "ha_replicas": HA_REPLICAS,
    "recorded": RECORDED,
    "recorded_until": RECORDED_UNTIL,
    "histograms": HISTOGRAMS,
    "exemplars": EXEMPLARS,
    "red": RED,
    "red_exemplars": RED_EXEMPLARS,
    "service_edges": SERVICE_EDGES,
}
"""Schema of every table that the processor writes, by table name."""
