-- How long a transfer may look for its metadata, and go without a byte, before an attempt is given up.
ALTER TABLE plans ADD COLUMN metadata_timeout_seconds integer NOT NULL DEFAULT 600;
ALTER TABLE plans ADD COLUMN stall_timeout_seconds integer NOT NULL DEFAULT 3600;
