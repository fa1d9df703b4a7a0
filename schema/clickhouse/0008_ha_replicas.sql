-- Which replica of a cluster of Prometheus servers was elected: a row for each window in which it was heard. `time` is log
-- time as the window began. What a processor that takes over a partition begins with.
CREATE TABLE IF NOT EXISTS ${write:ha_replicas} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    cluster LowCardinality(String),
    replica LowCardinality(String),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, cluster, time)
SETTINGS ${durable};

${read:ha_replicas};
