-- What a file's first bytes say it is, where its name says nothing; null: its name does, or they do not either.
ALTER TABLE entries ADD COLUMN sniffed_type text;
ALTER TABLE objects ADD COLUMN sniffed boolean NOT NULL DEFAULT false;   -- it was looked at, or needs no look
-- locks: before the first release, when tables are small
CREATE INDEX objects_to_sniff ON objects (object_id) WHERE state = 'stored' AND NOT sniffed;
