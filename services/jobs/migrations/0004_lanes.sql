-- Who waits with work, in the order in which claims look: one row for each user who pays, so that a claim costs the same
-- whether a thousand transfers are queued or a million. A trigger keeps it at the end of each transaction, when all that
-- the transaction locks is locked already: no way into the queue or out of it can forget it.
CREATE TABLE lanes (
    payer_user_id       uuid PRIMARY KEY,
    running             integer NOT NULL DEFAULT 0,     -- leased transfers that he pays
    priority            integer,                        -- of the plan, of the first queued transfer; NULL: none waits
    queued_at           timestamptz,                    -- of that transfer
    ready_at            timestamptz                     -- the earliest not_before of all that are queued
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX lanes_in_order ON lanes (priority DESC, running, queued_at, payer_user_id) WHERE queued_at IS NOT NULL;

ALTER TABLE jobs ADD COLUMN own_priority smallint NOT NULL DEFAULT 0;       -- among its user's own: -1, 0, 1
ALTER TABLE transfers ADD COLUMN own_priority smallint NOT NULL DEFAULT 0;  -- the highest of the payer's unpaused jobs
-- locks: before the first release, when tables are small
CREATE INDEX transfers_waiting ON transfers (payer_user_id, priority DESC, own_priority DESC, queued_at, transfer_id)
    WHERE state = 'queued';
-- locks: before the first release, when tables are small
CREATE INDEX transfers_ready ON transfers (payer_user_id, not_before) WHERE state = 'queued';
-- locks: before the first release, when tables are small
CREATE INDEX transfers_large ON transfers (disk_needed_bytes) WHERE state = 'queued';
-- contract: no statement names an index; transfers_waiting takes its place
DROP INDEX transfers_claimable;

CREATE FUNCTION keep_lanes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    payers uuid[];
    payer uuid;
BEGIN
    payers := CASE WHEN TG_OP = 'INSERT' THEN ARRAY[NEW.payer_user_id]
                   WHEN TG_OP = 'DELETE' OR OLD.payer_user_id = NEW.payer_user_id THEN ARRAY[OLD.payer_user_id]
                   ELSE ARRAY[least(OLD.payer_user_id, NEW.payer_user_id),
                              greatest(OLD.payer_user_id, NEW.payer_user_id)] END;
    FOREACH payer IN ARRAY payers LOOP
        INSERT INTO lanes (payer_user_id) VALUES (payer) ON CONFLICT DO NOTHING;
        -- Held first, in a statement of its own: what the next one reads includes all who held it before.
        PERFORM 1 FROM lanes WHERE payer_user_id = payer FOR UPDATE;
        UPDATE lanes SET
            running = (SELECT count(*) FROM transfers
                       WHERE payer_user_id = payer AND state IN ('resolving', 'downloading', 'storing')),
            (priority, queued_at) = (
                SELECT t.priority, t.queued_at FROM transfers t WHERE t.payer_user_id = payer AND t.state = 'queued'
                ORDER BY t.priority DESC, t.own_priority DESC, t.queued_at, t.transfer_id LIMIT 1),
            ready_at = (SELECT min(not_before) FROM transfers WHERE payer_user_id = payer AND state = 'queued')
        WHERE payer_user_id = payer;
    END LOOP;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lanes_come_and_go AFTER INSERT OR DELETE ON transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keep_lanes();
CREATE CONSTRAINT TRIGGER lanes_follow
    AFTER UPDATE OF state, payer_user_id, priority, own_priority, queued_at, not_before ON transfers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.payer_user_id, OLD.priority, OLD.own_priority, OLD.queued_at, OLD.not_before)
          IS DISTINCT FROM
          (NEW.state, NEW.payer_user_id, NEW.priority, NEW.own_priority, NEW.queued_at, NEW.not_before))
    EXECUTE FUNCTION keep_lanes();

INSERT INTO lanes (payer_user_id, running, priority, queued_at, ready_at)
SELECT p.payer_user_id,
       count(*) FILTER (WHERE p.state IN ('resolving', 'downloading', 'storing')),
       max(p.priority) FILTER (WHERE p.state = 'queued'),
       min(p.queued_at) FILTER (WHERE p.state = 'queued'),
       min(p.not_before) FILTER (WHERE p.state = 'queued')
FROM transfers p GROUP BY p.payer_user_id;
