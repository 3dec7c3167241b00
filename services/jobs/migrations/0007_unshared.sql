-- With dedupe off each job has a torrent of its own: its digests stand beside others', and nobody finds them.
ALTER TABLE torrent_hashes ADD COLUMN unshared boolean NOT NULL DEFAULT false;
-- contract: the unique index that follows takes its place; both hold for what is there by now
DROP INDEX torrent_hashes_one_per_scope;
-- locks: before the first release, when tables are small
-- contract: what the index before it held to, for what is shared
CREATE UNIQUE INDEX torrent_hashes_shared_once ON torrent_hashes
    (digest_index, index_key_version, COALESCE(scope_user_id, '00000000-0000-0000-0000-000000000000'))
    WHERE NOT unshared;
-- locks: before the first release, when tables are small
CREATE INDEX torrent_hashes_by_digest ON torrent_hashes (digest_index, index_key_version);
