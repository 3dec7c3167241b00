-- Links by which files are read without an account. Of the token its SHA-256 is kept (256 random bits: nobody searches
-- those), of the password a scrypt hash.
CREATE TABLE links (
    link_id             uuid PRIMARY KEY,
    user_id             uuid NOT NULL,
    job_id              uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    file_id             uuid NOT NULL,              -- no foreign key: a job that goes would be asked for each of its files
    token_hash          bytea NOT NULL UNIQUE,
    token_prefix        text NOT NULL,
    password_hash       text,                       -- adapters/scrypt.py
    download_limit      bigint CHECK (download_limit > 0),
    downloads           bigint NOT NULL DEFAULT 0,
    last_counted_at     timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL,
    revoked_at          timestamptz,
    ends_at             timestamptz GENERATED ALWAYS AS (LEAST(expires_at, revoked_at)) STORED,
    idempotency_key     text,
    fingerprint         bytea NOT NULL,             -- of the request that made it, keyed
    password_failures   integer NOT NULL DEFAULT 0, -- tries at the password: tseeder_kit.throttle
    password_tried_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_until       timestamptz,
    CHECK (downloads <= download_limit)
);
CREATE INDEX links_of_user ON links (user_id, link_id DESC);
CREATE INDEX links_of_file ON links (job_id, file_id);
CREATE INDEX links_by_request ON links (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX links_by_end ON links (ends_at);

-- A link's reader carries no identity of its owner by which billing could be asked.
ALTER TABLE usage ADD COLUMN streams_limit integer NOT NULL DEFAULT 10;
