-- no-transaction: objects has a row for each stored file, and is written all the time
CREATE INDEX CONCURRENTLY IF NOT EXISTS objects_to_probe ON objects (probe_after) WHERE state = 'stored' AND probe_after IS NOT NULL;
