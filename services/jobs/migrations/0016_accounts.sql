-- Whose accounts are closed, as auth's feed tells it, and how far that feed was read.

-- Looked up at every submit, and whenever a link or a grant is opened. A deleted account's row is what its erasure goes
-- by; it stays for a while after it, since an identity of his may still be under way.
CREATE TABLE closed_accounts (
    user_id             uuid PRIMARY KEY,
    reason              text NOT NULL CHECK (reason IN ('suspended', 'deleted')),
    closed_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at            timestamptz,                -- when erasing him was last gone on with
    erased_at           timestamptz,                -- nothing of his was left
    CHECK (erased_at IS NULL OR reason = 'deleted')
);
CREATE INDEX closed_accounts_deleted ON closed_accounts (tried_at NULLS FIRST) WHERE reason = 'deleted';

CREATE TABLE account_feed (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq                 bigint NOT NULL,            -- saved with the effects of the events up to it
    turn                uuid,                       -- of the replica that reads now
    turn_ends_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO account_feed (seq) VALUES (0);
