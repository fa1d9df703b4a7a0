-- Tenants and their keys. A key itself is never stored, only its SHA-256 (keys are 256 random bits, so a slow hash adds nothing).

CREATE TABLE IF NOT EXISTS tenants (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text NOT NULL DEFAULT '',
    retention_class_traces smallint NOT NULL DEFAULT 0 CHECK (retention_class_traces BETWEEN 0 AND 7),
    retention_class_metrics smallint NOT NULL DEFAULT 0 CHECK (retention_class_metrics BETWEEN 0 AND 7),
    retention_class_logs smallint NOT NULL DEFAULT 0 CHECK (retention_class_logs BETWEEN 0 AND 7),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant text NOT NULL REFERENCES tenants (id),
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix text NOT NULL,
    name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

INSERT INTO tenants (id, name) VALUES ('default', 'Default') ON CONFLICT (id) DO NOTHING;
