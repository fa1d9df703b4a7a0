-- Ingest's replicas, so that they share each tenant's limits by demand. A heartbeat a second, worth nothing a moment later:
-- unlogged, and each row's new version fits beside its old one.
CREATE UNLOGGED TABLE IF NOT EXISTS ingest_replicas (
    replica uuid PRIMARY KEY,
    beat_at timestamptz NOT NULL,
    demand jsonb NOT NULL
) WITH (fillfactor = 50);

-- What became of the items that each tenant sent, by minute of acceptance:
-- received = published + rejected + limited + dropped + failed.
CREATE TABLE IF NOT EXISTS ingest_accounts (
    tenant text NOT NULL,
    minute timestamptz NOT NULL,
    signal text NOT NULL CHECK (signal IN ('traces', 'metrics', 'logs')),
    outcome text NOT NULL CHECK (outcome IN ('received', 'published', 'rejected', 'limited', 'dropped', 'failed')),
    cause text NOT NULL,
    items bigint NOT NULL,
    calls bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (tenant, minute, signal, outcome, cause)
);

CREATE INDEX IF NOT EXISTS ingest_accounts_minute ON ingest_accounts (minute);

-- The last delta of each replica that is in the table above: one that is sent again is not added again.
CREATE TABLE IF NOT EXISTS ingest_account_writers (
    writer uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    written_at timestamptz NOT NULL
);
