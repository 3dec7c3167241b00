-- no-transaction: torrents are written all the time; by this one it is seen whether an erased user's are gone
CREATE INDEX CONCURRENTLY IF NOT EXISTS torrents_by_scope ON torrents (scope_user_id) WHERE scope_user_id IS NOT NULL;
