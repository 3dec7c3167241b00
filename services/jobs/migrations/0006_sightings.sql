-- What a lease holder last saw of the swarm: the evidence behind a diagnosis. Trackers stand in it with their
-- passkeys, so it is ciphertext; their owner alone is shown them.
CREATE TABLE sightings (
    transfer_id         uuid PRIMARY KEY REFERENCES transfers ON DELETE CASCADE,
    epoch               bigint NOT NULL,
    seen_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    evidence_ciphertext bytea NOT NULL,
    key_id              text NOT NULL
);
