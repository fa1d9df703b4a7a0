-- What recording rules come to, partition by partition: a reader merges the newest row of each partition, and knows from
-- `recorded_until` up to when all of them have said theirs. docs/recording-rules.md.
-- `count`: series that gave the value; 0 takes back what an earlier row of the partition said. `merge`: 0 sum, 1 minimum,
-- 2 maximum, 3 mean (the sum of the values by that of the counts), 4 one; the result is scale * merged + shift.
CREATE TABLE IF NOT EXISTS ${write:recorded} ${on_cluster}
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    class UInt8 CODEC(ZSTD(1)),
    day Date CODEC(ZSTD(1)),
    metric_hash UInt32 CODEC(Delta(4), ZSTD(1)),
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    rule UInt64 CODEC(ZSTD(1)),
    interval_ms UInt32 CODEC(ZSTD(1)),
    merge UInt8 CODEC(ZSTD(1)),
    scale Float64 CODEC(ZSTD(1)),
    shift Float64 CODEC(ZSTD(1)),
    value Float64 CODEC(Gorilla, ZSTD(1)),
    count UInt32 CODEC(T64, ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, metric_hash, series, time)
SETTINGS ${durable};

${read:recorded};

-- Of each rule and partition, as it changes: the first time at which the rule has seen all samples (`since`), and the last
-- one whose points are final (`until`; the year 2100 while the partition has no samples for it).
CREATE TABLE IF NOT EXISTS ${write:recorded_until} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    metric_hash UInt32 CODEC(ZSTD(1)),
    rule UInt64 CODEC(ZSTD(1)),
    since DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    until DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, rule, block)
SETTINGS ${durable};

${read:recorded_until};
