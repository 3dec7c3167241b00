-- The natural order of a torrent's files, as code knows it (domain/natural_order.py), so that lists in it, and folders,
-- are ranges of an index. NULL in rows that are older than this, until a sweep or the first look at them writes it.
ALTER TABLE entries ADD COLUMN natural_rank integer CHECK (natural_rank >= 0);
ALTER TABLE entries ADD COLUMN shared_folders smallint CHECK (shared_folders >= 0);  -- with the entry before, by rank
-- locks: before the first release, when tables are small
CREATE INDEX entries_by_rank ON entries (torrent_id, natural_rank);
-- What begins a folder's children: the entries that share just this folder with the one before them.
-- locks: before the first release, when tables are small
CREATE INDEX entries_by_folder ON entries (torrent_id, shared_folders, natural_rank);
-- locks: before the first release, when tables are small
CREATE INDEX entries_unranked ON entries (torrent_id) WHERE natural_rank IS NULL;

-- The job's main media file. No foreign keys: a job's files go with it, and else stay as rows.
ALTER TABLE jobs ADD COLUMN chosen_file_id uuid;                          -- by its user; NULL: the largest
ALTER TABLE jobs ADD COLUMN primary_file_id uuid;                         -- what it comes to; NULL: there is none
ALTER TABLE jobs ADD COLUMN primary_known boolean NOT NULL DEFAULT false; -- false in rows that are older than this
-- locks: before the first release, when tables are small
CREATE INDEX jobs_primary_unknown ON jobs (job_id) WHERE file_count > 0 AND NOT primary_known;
