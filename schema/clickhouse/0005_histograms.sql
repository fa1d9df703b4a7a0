-- Native histograms, as OTLP has them: with base 2^(2^-scale), counts[i] of the positive side are of values in
-- (base^(positive_offset + i), base^(positive_offset + i + 1)], those of the negative side of values that are that far
-- below zero; `zero_count` of values within `zero_threshold` of zero. A stale marker has Prometheus' NaN for a sum.
CREATE TABLE IF NOT EXISTS ${write:histograms} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    count UInt64 CODEC(Delta(8), ZSTD(1)),
    sum Float64 CODEC(Gorilla, ZSTD(1)),
    scale Int8,
    zero_threshold Float64 CODEC(ZSTD(1)),
    zero_count UInt64 CODEC(Delta(8), ZSTD(1)),
    positive_offset Int32 CODEC(Delta(4), ZSTD(1)),
    positive_counts Array(UInt64) CODEC(T64, ZSTD(1)),
    negative_offset Int32 CODEC(Delta(4), ZSTD(1)),
    negative_counts Array(UInt64) CODEC(T64, ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, series, time)
SETTINGS ${durable};

${read:histograms};
