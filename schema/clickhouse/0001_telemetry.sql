-- First tables. Sort keys start with the tenant; PARTITION BY (retention class, day of log append time):
-- `class` and `day` come from the log, never from event time, so an event dated 1970 breaks no insert.
-- `block` is the number of the block that carried the row (schema/record.py).
-- A map of attributes holds each value as text; the keys whose text is JSON (numbers, booleans, arrays, maps)
-- rather than a plain string stand in the column `..._json` beside it.

-- One row for each trace seen in a window: where in time and in the log its spans are. `pending`: some of them wait for
-- the trace's verdict (table decisions). Traces are looked up one here and one there: what is decompressed for one is kept
-- as small as what is read.
CREATE TABLE IF NOT EXISTS ${write:trace_index} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    trace_id FixedString(16) CODEC(ZSTD(1)),
    min_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    max_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    spans UInt32 CODEC(T64, ZSTD(1)),
    partition UInt16,
    first_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    last_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    pending Bool,
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range (min_time, max_time) TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, trace_id)
SETTINGS ${durable}, index_granularity = 256, min_compress_block_size = 4096;

${read:trace_index};

CREATE TABLE IF NOT EXISTS ${write:logs} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    observed_time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    severity_number UInt8,
    severity_text LowCardinality(String),
    service LowCardinality(String),
    event_name LowCardinality(String),
    body String CODEC(ZSTD(1)),
    body_json Bool,
    resource UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attributes_json Array(LowCardinality(String)) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_json Array(LowCardinality(String)) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX trace_filter trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, service, time)
SETTINGS ${durable};

${read:logs};

-- Idempotent by (tenant, resource): written again freely, read with duplicates removed.
CREATE TABLE IF NOT EXISTS ${write:resources} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    resource UInt64 CODEC(ZSTD(1)),
    service LowCardinality(String),
    schema_url LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_json Array(LowCardinality(String)) CODEC(ZSTD(1))
)
ENGINE = ${engine:ReplacingMergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, resource)
SETTINGS ${durable};

${read:resources};

-- One row for each series and day of log time in which it was seen. Idempotent by (tenant, metric, series).
CREATE TABLE IF NOT EXISTS ${write:series} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    metric LowCardinality(String),
    series UInt64 CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    type LowCardinality(String),
    unit LowCardinality(String),
    help String CODEC(ZSTD(1)),
    temporality LowCardinality(String)
)
ENGINE = ${engine:ReplacingMergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, metric, series)
SETTINGS ${durable};

${read:series};

CREATE TABLE IF NOT EXISTS ${write:exemplars} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_json Array(LowCardinality(String)) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, series, time)
SETTINGS ${durable};

${read:exemplars};
