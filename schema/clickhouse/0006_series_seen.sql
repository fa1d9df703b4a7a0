-- Which series are active: one row for each series and hour of log time in which a partition had a sample of it. `new`: it
-- was not active before. `time` is log time as its window began. What a processor that takes over a partition begins with.
CREATE TABLE IF NOT EXISTS ${write:series_seen} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    new Bool,
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, toStartOfHour(time), series)
SETTINGS ${durable};

${read:series_seen};

-- What was not stored because a tenant has too many series, by metric. `reason`: max_active or max_new_per_minute.
CREATE TABLE IF NOT EXISTS ${write:series_refused} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    metric LowCardinality(String),
    reason LowCardinality(String),
    series UInt64 CODEC(T64, ZSTD(1)),
    samples UInt64 CODEC(T64, ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, metric, time)
SETTINGS ${durable};

${read:series_refused};
