-- Rules with versions, a feed of changes, scopes and expiry of keys, certificates, hash keys, and an audit log.
-- The release before runs on these tables: what it inserts gets defaults and triggers, what it reads has not changed.

-- Tenants that may not be used for now; keys that may not do everything.

ALTER TABLE tenants ADD COLUMN IF NOT EXISTS disabled_at timestamptz;

ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS scopes text[] NOT NULL DEFAULT '{ingest,query}'
    CHECK (cardinality(scopes) > 0 AND scopes <@ '{ingest,query,admin}'::text[]);

ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS expires_at timestamptz;

CREATE INDEX IF NOT EXISTS api_keys_prefix ON api_keys (prefix);

-- Clients that show a certificate: a name in it (a subject alternative name, with its type before it) is a tenant's.
CREATE TABLE IF NOT EXISTS certificates (
    san text PRIMARY KEY CHECK (san ~ '^(URI|DNS):.' AND length(san) <= 2048),
    tenant text NOT NULL REFERENCES tenants (id),
    scopes text[] NOT NULL DEFAULT '{ingest}'
        CHECK (cardinality(scopes) > 0 AND scopes <@ '{ingest,query,admin}'::text[]),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- Every version of every rule. Only ever added to.
CREATE TABLE IF NOT EXISTS rules (
    tenant text NOT NULL REFERENCES tenants (id),
    kind text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    author text NOT NULL,
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, kind, version)
);

-- Where in the log a version takes effect: at the record with this offset, and at no other record that names it.
CREATE TABLE IF NOT EXISTS rule_effects (
    tenant text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    "offset" bigint NOT NULL CHECK ("offset" >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, kind, topic, partition, version),
    FOREIGN KEY (tenant, kind, version) REFERENCES rules (tenant, kind, version)
);

-- Secrets of the keyed hashes that masking writes. A destroyed secret is gone; its row says when.
CREATE TABLE IF NOT EXISTS hash_keys (
    tenant text NOT NULL REFERENCES tenants (id),
    id integer NOT NULL CHECK (id > 0),
    secret bytea CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (tenant, id),
    CHECK ((secret IS NULL) = (destroyed_at IS NOT NULL))
);

-- Who changed what. `before` and `after` hold no secret. Only ever added to.
CREATE TABLE IF NOT EXISTS audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    tenant text NOT NULL DEFAULT '',
    object text NOT NULL DEFAULT '',
    before jsonb,
    after jsonb
);

CREATE INDEX IF NOT EXISTS audit_log_tenant ON audit_log (tenant, id);

-- What components follow. Numbers are taken under a lock that is held until the commit, so that they become visible
-- in their order: who has read up to a number will never see a smaller one appear.
CREATE TABLE IF NOT EXISTS changes (
    number bigint PRIMARY KEY,
    subject text NOT NULL,
    tenant text NOT NULL,
    kind text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE IF NOT EXISTS changes_number OWNED BY changes.number;

CREATE OR REPLACE FUNCTION otelhouse_changed() RETURNS trigger LANGUAGE plpgsql AS '
DECLARE
    changed bigint;
    its_kind text := '''';
BEGIN
    PERFORM pg_advisory_xact_lock(8031170734301012339);
    changed := nextval(''changes_number'');
    IF TG_TABLE_NAME = ''rules'' THEN
        its_kind := to_jsonb(NEW) ->> ''kind'';
    END IF;
    INSERT INTO changes (number, subject, tenant, kind) VALUES (changed, TG_TABLE_NAME, NEW.tenant, its_kind);
    PERFORM pg_notify(''otelhouse_changes'', changed::text);
    RETURN NEW;
END
';

CREATE OR REPLACE TRIGGER rules_changed AFTER INSERT ON rules
    FOR EACH ROW EXECUTE FUNCTION otelhouse_changed();

CREATE OR REPLACE TRIGGER hash_keys_changed AFTER INSERT OR UPDATE ON hash_keys
    FOR EACH ROW EXECUTE FUNCTION otelhouse_changed();

CREATE OR REPLACE FUNCTION otelhouse_append_only() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    RAISE EXCEPTION ''% is only ever added to'', TG_TABLE_NAME USING ERRCODE = ''integrity_constraint_violation'';
END
';

CREATE OR REPLACE TRIGGER rules_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rules
    FOR EACH STATEMENT EXECUTE FUNCTION otelhouse_append_only();

CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION otelhouse_append_only();

-- Whoever makes a tenant, it has a hash key at once: 32 bytes from 244 random bits.
CREATE OR REPLACE FUNCTION otelhouse_first_hash_key() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    INSERT INTO hash_keys (tenant, id, secret)
        VALUES (NEW.id, 1, sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea));
    RETURN NEW;
END
';

CREATE OR REPLACE TRIGGER tenants_first_hash_key AFTER INSERT ON tenants
    FOR EACH ROW EXECUTE FUNCTION otelhouse_first_hash_key();

INSERT INTO hash_keys (tenant, id, secret)
    SELECT id, 1, sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea) FROM tenants
    ON CONFLICT (tenant, id) DO NOTHING;
