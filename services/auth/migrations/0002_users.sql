-- Accounts that people make for themselves, sign in to by other means than a password, and delete.

ALTER TABLE users ADD COLUMN verified_at timestamptz;        -- when its mail address was shown to be the user's own
ALTER TABLE users ADD COLUMN terms_version text;             -- of the acceptable-use terms that he accepted
ALTER TABLE users ADD COLUMN terms_accepted_at timestamptz;
ALTER TABLE users ADD COLUMN name text;                      -- as he wants to be called; never a means to find him
-- Those that there are were made by operators, who vouch for them.
UPDATE users SET verified_at = created_at;
-- So are those that replicas of the former release make while this one rolls out, which do not know the column. This
-- release always names it. To be dropped by a release that no longer has to run beside one before this.
ALTER TABLE users ALTER COLUMN verified_at SET DEFAULT clock_timestamp();
-- contract: whoever signs in through a provider only has no password; the old code verifies it against nothing, and refuses
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
-- locks: no more than the rows above, which this file rewrites anyway
CREATE INDEX users_suspended ON users (user_id) WHERE suspended_at IS NOT NULL;
-- locks: those that there are have just been verified, so this index has no rows to be built of
CREATE INDEX users_unverified ON users (updated_at) WHERE verified_at IS NULL;
