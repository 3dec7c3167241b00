-- What ffprobe said of an entry: shared by all who have the file. No row: nobody has looked yet.
CREATE TABLE media_facts (
    entry_id    uuid PRIMARY KEY REFERENCES entries ON DELETE CASCADE,
    outcome     text NOT NULL CHECK (outcome IN ('found', 'none', 'failed')),   -- none: it is no media that is known
    facts       jsonb,
    probed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((outcome = 'found') = (facts IS NOT NULL))
);
-- When a stored object is looked into next; null: it was, or needs no look. Who looks puts it off for others.
ALTER TABLE objects ADD COLUMN probe_after timestamptz DEFAULT '-infinity';
ALTER TABLE objects ADD COLUMN probes integer NOT NULL DEFAULT 0;
