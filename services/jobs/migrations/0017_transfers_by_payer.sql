-- no-transaction: transfers are written all the time; by this one an erased payer's ended transfers are found
CREATE INDEX CONCURRENTLY IF NOT EXISTS transfers_ended_by_payer ON transfers (payer_user_id) WHERE ended_at IS NOT NULL;
