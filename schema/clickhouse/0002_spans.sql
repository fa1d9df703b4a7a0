-- Spans, each once; what is common to all tables stands in 0001_telemetry.sql.
-- A range of time is read at one stretch. Within a minute, spans of one service and name lie together: their attributes
-- are alike, and compress well. The spans of a trace are some granules apart: its id is compressed once where blocks are
-- larger than these, and so is a parent's.
-- `attribute_filter` tells of a granule whether an attribute can be in it: of each attribute of a span, its scope, events
-- and links it holds the hash of the key and that of key and value, and it holds the resource's id. A search names the
-- same expression (query/read/attributes.py, docs/adr/0009-spans-table.md).
CREATE TABLE IF NOT EXISTS ${write:spans} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns Int64 CODEC(T64, ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)) SETTINGS (min_compress_block_size = 262144),
    span_id FixedString(8) CODEC(ZSTD(1)),
    parent_id FixedString(8) CODEC(ZSTD(1)) SETTINGS (min_compress_block_size = 262144),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    service LowCardinality(String),
    name LowCardinality(String),
    kind UInt8,
    status UInt8,
    status_message String CODEC(ZSTD(1)),
    adjusted_count Float64 CODEC(ZSTD(1)),
    resource UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attributes_json Array(LowCardinality(String)) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(9)),
    attributes_json Array(LowCardinality(String)) CODEC(ZSTD(3)),
    events_time Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    events_name Array(LowCardinality(String)) CODEC(ZSTD(1)),
    events_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    events_attributes_json Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    links_trace_id Array(FixedString(16)) CODEC(ZSTD(1)),
    links_span_id Array(FixedString(8)) CODEC(ZSTD(1)),
    links_trace_state Array(String) CODEC(ZSTD(1)),
    links_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    links_attributes_json Array(Array(LowCardinality(String))) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX trace_filter trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX attribute_filter arrayConcat(
        array(resource),
        arrayFlatten(arrayMap(
            m -> arrayConcat(
                arrayMap(key -> cityHash64(key), mapKeys(m)),
                arrayMap(pair -> cityHash64(pair), arrayZip(mapKeys(m), mapValues(m)))
            ),
            arrayConcat(array(attributes, scope_attributes), events_attributes, links_attributes)
        ))
    ) TYPE bloom_filter(0.002) GRANULARITY 1,
    INDEX outliers (duration_ns, status) TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, toStartOfMinute(time), service, name, time)
SETTINGS ${durable}, index_granularity = 2048;

${read:spans};
