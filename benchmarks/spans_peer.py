"""The peer of the spans table: the tables and queries that the OpenTelemetry Collector's ClickHouse exporter publishes.

Its default schema (contrib, `exporter/clickhouseexporter`: `otel_traces` with bloom filters, a table of trace ids and
the materialized view that fills it), without time to live. Newer releases make inverted indexes instead where the
server has them; `INVERTED` has those.
"""

from __future__ import annotations

from query.read.traces import TraceQuery

_MAP = "Map(LowCardinality(String), String)"

BLOOM = """
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
"""
INVERTED = """
    INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array'),
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE text(tokenizer = 'array'),
    INDEX idx_res_attr_items ResourceAttributeItems TYPE text(tokenizer = 'array'),
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE text(tokenizer = 'array'),
    INDEX idx_span_attr_items SpanAttributeItems TYPE text(tokenizer = 'array'),
"""


def tables(indexes: str = BLOOM) -> tuple[str, ...]:
    """Statements that make them."""
    return (
        f"""CREATE TABLE otel_traces (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    {_strings("TraceId", "SpanId", "ParentSpanId", "TraceState")},
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes {_MAP} CODEC(ZSTD(1)),
    {_strings("ScopeName", "ScopeVersion")},
    SpanAttributes {_MAP} CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes {_MAP}) CODEC(ZSTD(1)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes {_MAP}) CODEC(ZSTD(1)),
    ResourceAttributeItems Array(String) ALIAS {_items("ResourceAttributes")},
    SpanAttributeItems Array(String) ALIAS {_items("SpanAttributes")},
    {indexes}
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1""",
        """CREATE TABLE otel_traces_trace_id_ts (
    TraceId String CODEC(ZSTD(1)),
    Start DateTime CODEC(Delta, ZSTD(1)),
    End DateTime CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1""",
        """CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM otel_traces WHERE TraceId != '' GROUP BY TraceId""",
    )


def _strings(*names: str) -> str:
    return ", ".join(f"{name} String CODEC(ZSTD(1))" for name in names)


def _items(column: str) -> str:
    return f"arrayMap((key, value) -> concat(key, '=', value), mapKeys({column}), mapValues({column}))"


def copy(ours: str) -> str:
    """The rows of a block of our database, as the exporter would write them."""
    return f"""INSERT INTO otel_traces SELECT
    time, lower(hex(trace_id)), lower(hex(span_id)),
    if(parent_id = toFixedString('', 8), '', lower(hex(parent_id))), trace_state, name,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][kind + 1], service, resources.attributes,
    scope_name, scope_version, spans.attributes, duration_ns, ['Unset', 'Ok', 'Error'][status + 1], status_message,
    events_time, events_name, events_attributes,
    arrayMap(id -> lower(hex(id)), links_trace_id), arrayMap(id -> lower(hex(id)), links_span_id), links_trace_state,
    links_attributes
FROM {ours}.spans AS spans LEFT ANY JOIN {ours}.resources AS resources ON spans.resource = resources.resource
WHERE block = {{block:UInt64}}"""


TRACE = """WITH
    (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = {id:String}) AS start,
    (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = {id:String}) AS end
SELECT * FROM otel_traces
WHERE TraceId = {id:String} AND Timestamp >= start AND Timestamp <= end ORDER BY Timestamp LIMIT 20000"""


def search(query: TraceQuery, resource: bool, inverted: bool) -> tuple[str, dict[str, str | float | int]]:
    """The newest 20 traces, and the parameters.

    Attributes are looked for in one map, where they are known to be (`resource`: in the resource's); a trace's start is
    that of its earliest span that matches.
    """
    parameters: dict[str, str | float | int] = {"first": query.range.start, "last": query.range.end}
    conditions = [
        "Timestamp >= fromUnixTimestamp64Nano({first:Int64})",
        "Timestamp <= fromUnixTimestamp64Nano({last:Int64})",
    ]

    def add(condition: str, name: str, value: str | float) -> None:
        conditions.append(condition)
        parameters[name] = value

    if query.service is not None:
        add("ServiceName = {service:String}", "service", query.service)
    if query.operation is not None:
        add("SpanName = {operation:String}", "operation", query.operation)
    if query.status is not None:
        add("StatusCode = {status:String}", "status", ("Unset", "Ok", "Error")[query.status])
    if query.min_duration_ms is not None:
        add("Duration >= {duration:Float64}", "duration", query.min_duration_ms * 1e6)
    for match in query.attributes:
        attributes = "ResourceAttributes" if resource else "SpanAttributes"
        if inverted:
            items = attributes.replace("Attributes", "AttributeItems")
            add(f"has({items}, {{item:String}})", "item", f"{match.key}={match.value}")
        else:
            parameters["key"] = match.key
            add(f"{attributes}[{{key:String}}] = {{value:String}}", "value", match.value or "")
    return (
        f"SELECT TraceId, min(Timestamp) AS start FROM otel_traces WHERE {' AND '.join(conditions)} "
        "GROUP BY TraceId ORDER BY start DESC LIMIT 20",
        parameters,
    )
