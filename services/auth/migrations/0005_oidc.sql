-- Signing in through OpenID Connect providers.

CREATE TABLE oidc_identities (
    provider            text NOT NULL,              -- its name in the settings
    subject             text NOT NULL,              -- `sub`: unique at the provider, and the only thing that is relied on
    user_id             uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email               text NOT NULL,              -- as the provider told it at the last sign-in
    linked_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, subject)
);
CREATE INDEX oidc_identities_by_user ON oidc_identities (user_id);

-- A sign-in that went to a provider and has not come back. It is taken (deleted) once.
CREATE TABLE oidc_flows (
    state_hash          bytea PRIMARY KEY,
    browser_hash        bytea NOT NULL,             -- of the secret in the cookie of the browser that began it
    provider            text NOT NULL,
    nonce               text NOT NULL,
    code_verifier       text NOT NULL,
    redirect_uri        text NOT NULL,
    return_to           text NOT NULL,              -- a path of ours
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at          timestamptz NOT NULL
);
CREATE INDEX oidc_flows_by_expiry ON oidc_flows (expires_at);

-- A challenge after such a sign-in takes a few wrong codes, and no more.
ALTER TABLE sign_in_challenges ADD COLUMN attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0);
