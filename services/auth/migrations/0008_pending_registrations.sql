-- A registration becomes an account when its address is confirmed, and not before.

CREATE TABLE pending_registrations (
    pending_id          uuid PRIMARY KEY,           -- UUIDv7
    email_key           text NOT NULL,
    email               text NOT NULL,              -- as it was typed: its mailbox is the one that has to be shown
    password_hash       text NOT NULL,
    fingerprint         bytea NOT NULL,             -- HMAC of the password, under a key that is not in the database
    contested           boolean NOT NULL,           -- the address was somebody else's, or registered otherwise, meanwhile
    terms_version       text NOT NULL,
    terms_accepted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL
);
CREATE UNIQUE INDEX pending_registrations_once ON pending_registrations (email_key, email, fingerprint);
CREATE INDEX pending_registrations_by_expiry ON pending_registrations (expires_at);

CREATE TABLE registration_tokens (
    token_hash          bytea PRIMARY KEY,
    pending_id          uuid NOT NULL REFERENCES pending_registrations ON DELETE CASCADE,
    expires_at          timestamptz NOT NULL
);
CREATE INDEX registration_tokens_of ON registration_tokens (pending_id);

-- Which registration a mail is about. No index but of those that are: what is mailed otherwise has none.
ALTER TABLE mails ADD COLUMN pending_id uuid REFERENCES pending_registrations ON DELETE CASCADE;
-- locks: no row has one yet, so there is nothing to build it of
CREATE INDEX mails_by_pending ON mails (pending_id) WHERE pending_id IS NOT NULL;

-- Who is new at the end of a sign-in through a provider has accepted these terms at its beginning; '': none.
ALTER TABLE oidc_flows ADD COLUMN accepted_terms_version text NOT NULL DEFAULT '';

-- What is linked once the challenge is answered: before, the account's owner has shown one factor only. NULL: nothing.
ALTER TABLE sign_in_challenges ADD COLUMN provider text;
ALTER TABLE sign_in_challenges ADD COLUMN subject text;
ALTER TABLE sign_in_challenges ADD COLUMN email text;
