-- The feed's tables. A service copies this into a migration of its own; tseeder_pg.feed works on them.

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
