-- The admin service's rows: what operators did.

-- One row for each operator's act: written before the effect, settled after it. Never changed otherwise, never deleted.
CREATE TABLE audit_entries (
    audit_id            uuid PRIMARY KEY,
    actor_user_id       uuid NOT NULL,
    actor_role          text NOT NULL,
    action              text NOT NULL,
    target              text NOT NULL,
    reason              text NOT NULL,
    ticket_id           text NOT NULL,
    details             jsonb NOT NULL,                 -- never a password or a secret
    request_id          text NOT NULL,
    at                  timestamptz NOT NULL DEFAULT clock_timestamp(),
    idempotency_key     text,
    fingerprint         bytea,
    outcome             text NOT NULL DEFAULT 'started' CHECK (outcome IN ('started', 'done', 'refused', 'unknown')),
    outcome_code        text,                           -- the error's code, if it was not `done`
    settled_at          timestamptz,
    CHECK ((outcome = 'started') = (settled_at IS NULL)),
    CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
CREATE INDEX audit_newest ON audit_entries (at DESC, audit_id DESC);
CREATE INDEX audit_newest_of_action ON audit_entries (action, at DESC, audit_id DESC);
CREATE INDEX audit_unsettled ON audit_entries (at) WHERE outcome = 'started';
-- What was refused changed nothing, so its key may be used again.
CREATE UNIQUE INDEX audit_idempotency ON audit_entries (actor_user_id, action, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND outcome <> 'refused';

-- The service's own role cannot rewrite history: a row only ever moves from `started` to an outcome, or from `unknown`
-- to what turned out to be true.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.outcome = 'started' AND NEW.outcome IN ('done', 'refused', 'unknown')
                OR OLD.outcome = 'unknown' AND NEW.outcome IN ('done', 'refused'))
            AND to_jsonb(NEW) - '{outcome,outcome_code,settled_at}'::text[]
              = to_jsonb(OLD) - '{outcome,outcome_code,settled_at}'::text[]
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Signs list cursors; made here, so that replicas share it and nobody has to set it. 244 bits of pg_strong_random.
CREATE TABLE cursor_keys (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    key                 bytea NOT NULL
);
INSERT INTO cursor_keys (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
