-- What may take how long, by plan; and how a transfer that takes its agents down, or gets nowhere, comes to an end.
ALTER TABLE usage ADD COLUMN metadata_timeout_seconds integer NOT NULL DEFAULT 600;   -- as billing last told them
ALTER TABLE usage ADD COLUMN stall_timeout_seconds integer NOT NULL DEFAULT 3600;
ALTER TABLE transfers ADD COLUMN deaths integer NOT NULL DEFAULT 0;     -- leases in a row that ended with their agent
ALTER TABLE transfers ADD COLUMN reason_at timestamptz;                 -- since when reason_code is what it is
ALTER TABLE attempts ADD COLUMN reason_message text;
-- Failed transfers, newest first: the dead-letter list is those of them that a job still stands failed on.
-- locks: before the first release, when tables are small
CREATE INDEX transfers_failed ON transfers (ended_at DESC, transfer_id DESC) WHERE state = 'failed';
-- locks: before the first release, when tables are small
CREATE INDEX jobs_failed ON jobs (transfer_id) WHERE state = 'failed';
