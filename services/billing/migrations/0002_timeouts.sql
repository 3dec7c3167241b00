-- How long an attempt may look for a magnet's metadata, and go without a useful byte, before it is given up.
ALTER TABLE plans ADD COLUMN metadata_timeout_seconds integer NOT NULL DEFAULT 600;
ALTER TABLE plans ADD COLUMN stall_timeout_seconds integer NOT NULL DEFAULT 3600;
UPDATE plans SET metadata_timeout_seconds = 1800, stall_timeout_seconds = 14400 WHERE plan_id = 'plus';
