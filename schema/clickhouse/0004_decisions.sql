-- What tail sampling decided of each trace, and why. One row a verdict: a trace whose spans come after its verdict is
-- forgotten is decided again. `decided`, `first_seen`, `last_seen` are log time; `early` names the bound that did not
-- let the trace wait its time. Late spans follow the verdict for an hour of log time, and until their tenant has had
-- `remembered_until` verdicts of its kind (kept or not) in the partition.
CREATE TABLE IF NOT EXISTS ${write:decisions} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    trace_id FixedString(16) CODEC(ZSTD(1)),
    decided DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    kept Bool,
    policy LowCardinality(String),
    reason LowCardinality(String),
    early LowCardinality(String),
    rate Float64 CODEC(ZSTD(1)),
    estimated Bool,
    rule_version UInt32 CODEC(ZSTD(1)),
    first_seen DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    last_seen DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    spans UInt32 CODEC(T64, ZSTD(1)),
    duplicates UInt32 CODEC(T64, ZSTD(1)),
    bytes UInt64 CODEC(T64, ZSTD(1)),
    partition UInt16 CODEC(ZSTD(1)),
    first_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    last_offset UInt64 CODEC(Delta(8), ZSTD(1)),
    remembered_until UInt64 CODEC(Delta(8), ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX decided_range decided TYPE minmax GRANULARITY 1,
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, trace_id)
SETTINGS ${durable};

${read:decisions};

-- Where a tenant's sampling stood in a partition after a block, so that a restart goes on with it, as JSON: `verdicts`,
-- how many it has had (kept, dropped); `limits`, what each limit of its rule has used up, in the order of the document.
CREATE TABLE IF NOT EXISTS ${write:sampler_states} ${on_cluster}
(
    tenant LowCardinality(String),
    class UInt8,
    day Date,
    rule_version UInt32,
    state String CODEC(ZSTD(1)),
    block UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX block_range block TYPE minmax GRANULARITY 1
)
ENGINE = ${engine:MergeTree}
PARTITION BY (class, day)
ORDER BY (tenant, block)
SETTINGS ${durable};

${read:sampler_states};
