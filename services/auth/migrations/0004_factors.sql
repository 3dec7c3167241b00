-- Second factors, and what a session was opened with.

CREATE TABLE totp_factors (
    user_id             uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret_sealed       bytea NOT NULL,             -- AES-256-GCM, bound to the user
    key_id              text NOT NULL,              -- of the key that sealed it
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at        timestamptz,                -- NULL: enrolment has begun
    last_step           bigint                      -- of the last code that was taken: each step opens once
);

CREATE TABLE recovery_codes (
    code_hash           bytea PRIMARY KEY,          -- SHA-256 of 80 random bits or more, with the user's id
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at             timestamptz
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

ALTER TABLE sessions ADD COLUMN method text NOT NULL DEFAULT 'password';    -- password, oidc
ALTER TABLE sessions ADD COLUMN second_factor boolean NOT NULL DEFAULT false;

-- Where the first factor was good and the second is awaited: after a sign-in through a provider.
CREATE TABLE sign_in_challenges (
    challenge_hash      bytea PRIMARY KEY,
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    method              text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL
);
CREATE INDEX sign_in_challenges_by_user ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_by_expiry ON sign_in_challenges (expires_at);
