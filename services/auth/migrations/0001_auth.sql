-- The auth service's rows. No secret is kept as it was given: passwords are argon2id, tokens and keys are SHA-256 of
-- 190 random bits or more (so a slow hash would add nothing). Times are the database's, so that replicas agree.

CREATE TABLE users (
    user_id             uuid PRIMARY KEY,
    email               text NOT NULL,              -- as typed
    email_key           text NOT NULL UNIQUE,       -- domain/emails.py: NFKC + casefold, the domain in IDNA
    role                text NOT NULL CHECK (role IN ('user', 'support', 'admin', 'superadmin')),
    password_hash       text NOT NULL,
    suspended_at        timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX users_newest ON users (created_at DESC, user_id DESC);
CREATE INDEX users_superadmins ON users (user_id) WHERE role = 'superadmin';

-- A browser's session. The CSRF token is an HMAC under the session token, so it needs no column.
CREATE TABLE sessions (
    session_id          uuid PRIMARY KEY,
    token_hash          bytea NOT NULL UNIQUE,
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent          text NOT NULL,
    remote_address      text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL        -- absolute; idle expiry is measured from last_seen_at
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Revoked keys stay: an idempotent replay, and an auditor, must be able to name them.
CREATE TABLE api_keys (
    key_id              uuid PRIMARY KEY,
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name                text NOT NULL,
    prefix              text NOT NULL,
    secret_hash         bytea NOT NULL UNIQUE,
    scopes              text[] NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz,
    last_used_at        timestamptz,
    revoked_at          timestamptz,
    idempotency_key     text,
    fingerprint         bytea NOT NULL,             -- of the request that made it
    UNIQUE (user_id, idempotency_key)
);

-- Sign-ins that were tried, per account and per address; subject: SHA-256, since what was typed may be anything.
CREATE TABLE login_throttles (
    kind                text NOT NULL CHECK (kind IN ('account', 'address')),
    subject             bytea NOT NULL,
    failures            integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_until       timestamptz,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX login_throttles_by_age ON login_throttles (last_at);

CREATE TABLE bootstrap_tokens (
    token_hash          bytea PRIMARY KEY,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL,
    used_at             timestamptz
);

-- Signs list cursors; made here, so that replicas share it and nobody has to set it. 244 bits of pg_strong_random.
CREATE TABLE cursor_keys (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    key                 bytea NOT NULL
);
INSERT INTO cursor_keys (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- The feed: a copy of tseeder_pg/feed.sql.
CREATE TABLE feed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- cache 1: one entity's events get ascending ids
    seq bigint UNIQUE,                                   -- stamped after the commit, by the relay, without gaps
    type text NOT NULL,
    entity_id uuid NOT NULL,
    payload jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX feed_unstamped ON feed (id) WHERE seq IS NULL;

CREATE TABLE feed_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL                                  -- the highest seq that was ever given out
);

INSERT INTO feed_head (seq) VALUES (0);

CREATE TABLE feed_readers (
    reader text PRIMARY KEY,
    acked_seq bigint,                                    -- NULL: has to resync before it can read on
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
