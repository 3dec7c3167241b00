-- Whose accounts were deleted: ids only, for ever. By this the other services tell a deleted account from one that this
-- database does not know: after a restore, or with a wrong address, nothing of anybody's may be erased for that.
CREATE TABLE deleted_users (
    user_id             uuid PRIMARY KEY,
    deleted_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
