-- What happened to accounts: for operators, and for each user about his own.

CREATE TABLE security_events (
    event_id            uuid PRIMARY KEY,           -- UUIDv7
    kind                text NOT NULL,              -- domain/security_events.py
    user_id             uuid REFERENCES users ON DELETE CASCADE,    -- NULL: nobody's account
    actor_user_id       uuid,                       -- the operator who did it; NULL: the user, or whoever tried
    at                  timestamptz NOT NULL DEFAULT clock_timestamp(),
    remote_address      text NOT NULL DEFAULT '',
    user_agent          text NOT NULL DEFAULT '',
    details             jsonb NOT NULL DEFAULT '{}' -- never a secret, a password or an address that was typed
);
CREATE INDEX security_events_newest ON security_events (at DESC, event_id DESC);
CREATE INDEX security_events_of_user ON security_events (user_id, at DESC, event_id DESC);
CREATE INDEX security_events_of_kind ON security_events (kind, at DESC, event_id DESC);
