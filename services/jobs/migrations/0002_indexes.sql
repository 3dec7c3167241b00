-- Every foreign key has an index, so that a torrent's rows go without reading whole tables; and what sweeps look for
-- every few seconds is found by small partial indexes.
CREATE INDEX files_of_torrent ON files (torrent_id, user_id);
CREATE INDEX files_pending ON files (torrent_id) WHERE selected AND state = 'pending';
CREATE INDEX jobs_live ON jobs (transfer_id)
    WHERE state IN ('queued', 'resolving', 'downloading', 'storing', 'paused');
CREATE INDEX objects_of_entry ON objects (entry_id);
CREATE INDEX uploads_of_entry ON uploads (entry_id);
CREATE INDEX charges_of_entry ON charges (entry_id);
CREATE INDEX transfers_joined ON transfers (joined_transfer_id) WHERE joined_transfer_id IS NOT NULL;
