-- What is measured of spans before any of them is sampled. A window adds rows: sums over all rows of the same keys count.
-- `time` is the beginning of ten seconds of the spans' start times. Durations are nanoseconds; their histograms are pairs
-- of arrays, buckets ascending (schema/durations.py) and their weights, to be merged with sumMap.

-- Spans by what they did. `entry`: work enters the service by them. `overflow`: series beyond the tenant's limit, together.
CREATE TABLE IF NOT EXISTS ${write:red} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    service LowCardinality(String),
    operation LowCardinality(String),
    kind UInt8,
    status UInt8,
    entry Bool,
    dimensions Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    overflow Bool,
    requests Float64 CODEC(ZSTD(1)),
    spans UInt64 CODEC(T64, ZSTD(1)),
    duration_ns Float64 CODEC(ZSTD(1)),
    buckets Array(Int16) CODEC(ZSTD(1)),
    counts Array(Float64) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, time, service, operation)
SETTINGS ${durable};

${read:red};

-- The slowest of the spans that a window stored, one for each service, operation, kind and status: traces to look at.
CREATE TABLE IF NOT EXISTS ${write:red_exemplars} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    service LowCardinality(String),
    operation LowCardinality(String),
    kind UInt8,
    status UInt8,
    duration_ns Int64 CODEC(ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, service, operation, time)
SETTINGS ${durable};

${read:red_exemplars};

-- Requests from one service to another. `connection`: '' a call, 'messaging_system', 'database', or 'virtual_node'.
-- `virtual`: which end sent no spans, 'client' or 'server'; '' neither.
CREATE TABLE IF NOT EXISTS ${write:service_edges} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    client LowCardinality(String),
    server LowCardinality(String),
    connection LowCardinality(String),
    virtual LowCardinality(String),
    requests Float64 CODEC(ZSTD(1)),
    errors Float64 CODEC(ZSTD(1)),
    client_duration_ns Float64 CODEC(ZSTD(1)),
    client_buckets Array(Int16) CODEC(ZSTD(1)),
    client_counts Array(Float64) CODEC(ZSTD(1)),
    server_duration_ns Float64 CODEC(ZSTD(1)),
    server_buckets Array(Int16) CODEC(ZSTD(1)),
    server_counts Array(Float64) CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, time, client, server)
SETTINGS ${durable};

${read:service_edges};
