-- What is to be mailed, and the tokens in it. A mail's row holds no secret: its token is made when it is sent.

CREATE TABLE mails (
    mail_id             uuid PRIMARY KEY,
    kind                text NOT NULL,              -- domain/mails.py
    user_id             uuid REFERENCES users ON DELETE CASCADE,
    address             text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_try_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    give_up_at          timestamptz NOT NULL,
    attempts            integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error          text                        -- the class of the last refusal; never the server's text
);
CREATE INDEX mails_due ON mails (next_try_at);
CREATE INDEX mails_late ON mails (give_up_at);
CREATE INDEX mails_by_user ON mails (user_id);

CREATE TABLE mail_tokens (
    token_hash          bytea PRIMARY KEY,
    purpose             text NOT NULL CHECK (purpose IN ('verify', 'reset')),
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email_key           text NOT NULL,              -- the address that it was sent to
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL,
    used_at             timestamptz
);
CREATE INDEX mail_tokens_by_user ON mail_tokens (user_id);
CREATE INDEX mail_tokens_by_expiry ON mail_tokens (expires_at);

-- What else is slowed down as sign-ins are: registrations and mails, per address and per account.
ALTER TABLE login_throttles ADD CONSTRAINT login_throttles_kind_wider
    CHECK (kind IN ('account', 'address', 'factor', 'mail_account', 'mail_address')) NOT VALID;
ALTER TABLE login_throttles VALIDATE CONSTRAINT login_throttles_kind_wider;
-- contract: the wider one above holds in its place
ALTER TABLE login_throttles DROP CONSTRAINT login_throttles_kind_check;
