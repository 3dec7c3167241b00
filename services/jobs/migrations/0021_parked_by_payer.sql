-- no-transaction: transfers are written all the time; by this one what an erased payer has parked is found
CREATE INDEX CONCURRENTLY IF NOT EXISTS transfers_parked_by_payer ON transfers (payer_user_id) WHERE state = 'parked';
