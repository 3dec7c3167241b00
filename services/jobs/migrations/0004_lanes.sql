-- Who waits with work, in the order in which claims look: one row for each user who pays, so that a claim costs the same
-- whether a thousand transfers are queued or a million. Triggers keep it at the end of each transaction, when all that
-- the transaction locks is locked already: no way into the queue or out of it can forget it. The one thing that changes
-- by itself, a transfer that was put off and is due, is looked for by claims (lanes_due).
CREATE TABLE lanes (
    payer_user_id       uuid PRIMARY KEY,
    running             integer NOT NULL DEFAULT 0,     -- leased transfers that he pays
    running_limit       integer NOT NULL DEFAULT 0,     -- as his usage row has it
    priority            integer,                        -- of the plan, of the first transfer that may be claimed; NULL: none
    queued_at           timestamptz,                    -- of that transfer
    only_digest         bytea,                          -- its info-hash's index, where no other one may be claimed
    due_at              timestamptz,                    -- when the next one that was put off may be claimed; NULL: none was
    CHECK ((priority IS NULL) = (queued_at IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
-- Negated, so that all columns go one way and a place in the order is one comparison of rows.
CREATE INDEX lanes_in_order ON lanes ((-priority), running, queued_at, payer_user_id)
    WHERE queued_at IS NOT NULL AND running < running_limit;
-- To pass over a crowd whose only transfer is of an info-hash that the agent runs already, however large it is.
CREATE INDEX lanes_by_digest ON lanes ((-priority), running, only_digest, queued_at, payer_user_id)
    WHERE queued_at IS NOT NULL AND running < running_limit;
CREATE INDEX lanes_due ON lanes (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE jobs ADD COLUMN own_priority smallint NOT NULL DEFAULT 0;       -- among its user's own: -1, 0, 1
ALTER TABLE transfers ADD COLUMN own_priority smallint NOT NULL DEFAULT 0;  -- the highest of the payer's unpaused jobs
-- locks: before the first release, when tables are small
CREATE INDEX transfers_waiting ON transfers (payer_user_id, priority DESC, own_priority DESC, queued_at, transfer_id)
    WHERE state = 'queued';
-- locks: before the first release, when tables are small
CREATE INDEX transfers_ready ON transfers (payer_user_id, not_before) WHERE state = 'queued';
-- locks: before the first release, when tables are small
CREATE INDEX transfers_large ON transfers (disk_needed_bytes) WHERE state = 'queued';
-- locks: before the first release, when tables are small
CREATE INDEX transfers_parked ON transfers (transfer_id) WHERE state = 'parked';
-- contract: no statement names an index; transfers_waiting takes its place
DROP INDEX transfers_claimable;

CREATE FUNCTION keep_lane(payer uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
    first_one record;
    others boolean;
BEGIN
    -- Held first, in a statement of its own: what the next ones read includes all that was done by who held it before.
    PERFORM 1 FROM lanes WHERE payer_user_id = payer FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO lanes (payer_user_id) VALUES (payer) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM lanes WHERE payer_user_id = payer FOR UPDATE;
    END IF;
    at := clock_timestamp();
    SELECT t.transfer_id, t.torrent_id, t.priority, t.queued_at INTO first_one
    FROM transfers t WHERE t.payer_user_id = payer AND t.state = 'queued' AND t.not_before <= at
    ORDER BY t.priority DESC, t.own_priority DESC, t.queued_at, t.transfer_id LIMIT 1;
    others := EXISTS (
        SELECT 1 FROM transfers t WHERE t.payer_user_id = payer AND t.state = 'queued' AND t.not_before <= at
          AND t.transfer_id <> first_one.transfer_id);
    UPDATE lanes SET
        running = (SELECT count(*) FROM transfers t
                   WHERE t.payer_user_id = payer AND t.state IN ('resolving', 'downloading', 'storing')),
        running_limit = COALESCE((SELECT u.running_limit FROM usage u WHERE u.user_id = payer), 0),
        priority = first_one.priority,
        queued_at = first_one.queued_at,
        only_digest = CASE WHEN NOT others THEN COALESCE(
            (SELECT h.digest_index FROM torrent_hashes h WHERE h.torrent_id = first_one.torrent_id
             ORDER BY h.kind LIMIT 1),
            (SELECT m.digest_index FROM magnet_hashes m WHERE m.torrent_id = first_one.torrent_id
             ORDER BY m.kind LIMIT 1)) END,
        due_at = (SELECT min(t.not_before) FROM transfers t
                  WHERE t.payer_user_id = payer AND t.state = 'queued' AND t.not_before > at)
    WHERE payer_user_id = payer;
END $$;

CREATE FUNCTION keep_lanes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM keep_lane(NEW.payer_user_id);
    ELSIF TG_OP = 'DELETE' OR OLD.payer_user_id = NEW.payer_user_id THEN
        PERFORM keep_lane(OLD.payer_user_id);
    ELSE
        PERFORM keep_lane(least(OLD.payer_user_id, NEW.payer_user_id));
        PERFORM keep_lane(greatest(OLD.payer_user_id, NEW.payer_user_id));
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lanes_come_and_go AFTER INSERT OR DELETE ON transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keep_lanes();
CREATE CONSTRAINT TRIGGER lanes_follow
    AFTER UPDATE OF state, payer_user_id, priority, own_priority, queued_at, not_before, torrent_id ON transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.payer_user_id, OLD.priority, OLD.own_priority, OLD.queued_at, OLD.not_before, OLD.torrent_id)
          IS DISTINCT FROM
          (NEW.state, NEW.payer_user_id, NEW.priority, NEW.own_priority, NEW.queued_at, NEW.not_before, NEW.torrent_id))
    EXECUTE FUNCTION keep_lanes();

CREATE FUNCTION keep_own_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_lane(NEW.user_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lanes_know_limits AFTER UPDATE OF running_limit ON usage
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.running_limit <> NEW.running_limit)
    EXECUTE FUNCTION keep_own_lane();

SELECT keep_lane(payer_user_id) FROM (SELECT DISTINCT payer_user_id FROM transfers ORDER BY payer_user_id) AS payers;
