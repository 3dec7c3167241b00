-- Files are kept for as long as their owner's plan says, and no file ends before he was told so (docs/decisions/0020).
ALTER TABLE usage ADD COLUMN retention_days integer NOT NULL DEFAULT 0;     -- as billing last told it; 0: for ever
ALTER TABLE usage ADD COLUMN kept_until timestamptz;            -- nothing of his ends before: these days are new to him
ALTER TABLE jobs ADD COLUMN oldest_stored_at timestamptz;       -- of its stored files; NULL: it has none
ALTER TABLE jobs ADD COLUMN warned_through timestamptz;         -- he was told of the end of files stored up to then
ALTER TABLE jobs ADD COLUMN kept_until timestamptz;             -- and before this none of them ends
ALTER TABLE files ADD COLUMN expired_at timestamptz;            -- `deleted` by retention, and not by its owner
ALTER TABLE files ADD CONSTRAINT files_expired CHECK (expired_at IS NULL OR state = 'deleted') NOT VALID;
UPDATE jobs j SET oldest_stored_at = (SELECT min(f.stored_at) FROM files f WHERE f.job_id = j.job_id);
-- locks: before the first release, when tables are small
CREATE INDEX jobs_kept ON jobs (user_id, oldest_stored_at) WHERE oldest_stored_at IS NOT NULL;

-- S3 does not have a stored object any more, and its files have not all been told: it is on its way out meanwhile.
ALTER TABLE objects ADD COLUMN lost boolean NOT NULL DEFAULT false;
-- locks: before the first release, when tables are small
CREATE INDEX objects_lost ON objects (object_id) WHERE lost;
-- In the order in which S3 lists keys, whatever the database's own collation is.
-- locks: before the first release, when tables are small
CREATE INDEX objects_by_key ON objects (object_key COLLATE "C") WHERE state = 'stored';

-- What is there already of a digest that was taken down has been dealt with.
ALTER TABLE takedowns ADD COLUMN applied_at timestamptz;
-- locks: before the first release, when tables are small
CREATE INDEX takedowns_unapplied ON takedowns (created_at) WHERE applied_at IS NULL;

-- What the last look for each kind of leftover saw and did.
CREATE TABLE sweep_reports (
    kind                text PRIMARY KEY CHECK (kind IN ('orphan_objects', 'lost_objects', 'stray_uploads')),
    began_at            timestamptz NOT NULL,
    ended_at            timestamptz,                -- NULL: it is under way, or whoever began it is gone
    looked_at           bigint NOT NULL,            -- objects or uploads that S3 listed
    found               bigint NOT NULL,
    found_bytes         bigint NOT NULL,
    mended              bigint NOT NULL,
    examples            text[] NOT NULL             -- a few keys of what was found
);
-- What there is in all, counted now and then.
CREATE TABLE storage_totals (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    measured_at         timestamptz NOT NULL,
    stored_objects      bigint NOT NULL,
    stored_bytes        bigint NOT NULL,
    writing_objects     bigint NOT NULL,
    deleting_objects    bigint NOT NULL,
    deleting_bytes      bigint NOT NULL,
    open_uploads        bigint NOT NULL,
    reserved_bytes      bigint NOT NULL,            -- of all users, each as if he were alone
    charged_bytes       bigint NOT NULL
);
