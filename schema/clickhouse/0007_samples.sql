-- Samples, each once; what is common to all tables stands in 0001_telemetry.sql, what a byte is spent on in
-- docs/adr/0011-samples-table.md.
-- `metric_hash` is the CRC32 of the metric's name: what a query reads lies together. `bits` are the value's as IEEE 754 has
-- it, because T64, which takes bits apart, is for whole numbers only. Times and series are alike from one series to the
-- next: they are compressed in larger blocks.
-- A block's number costs half a byte in each row. It stands in the first row of each part that is stored, with the number
-- of the part's rows; in all others both are 0.
CREATE TABLE IF NOT EXISTS ${write:samples} ${on_cluster}
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    class UInt8 CODEC(ZSTD(1)),
    day Date CODEC(ZSTD(1)),
    metric_hash UInt32 CODEC(Delta(4), ZSTD(1)),
    series UInt64 CODEC(Delta(8), ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) SETTINGS (min_compress_block_size = 262144),
    bits UInt64 CODEC(Delta(8), T64('bit'), ZSTD(1)),
    value Float64 ALIAS reinterpretAsFloat64(bits),
    block UInt64 CODEC(ZSTD(1)),
    block_rows UInt32 CODEC(ZSTD(1)),
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, metric_hash, series, time)
SETTINGS ${durable};

${read:samples};
