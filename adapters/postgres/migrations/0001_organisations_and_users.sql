-- Keys begin with the organisation, and references carry it along, so that no row can point into
-- another organisation.  The tables that belong to none: users, sessions (their user's),
-- login_attempts, networks, signers, installation, migrations.

CREATE TABLE installation (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    id uuid NOT NULL,
    environment text NOT NULL,
    -- Raised after a restore: sessions, keys and secrets of before are dead until re-enabled.
    auth_epoch integer NOT NULL DEFAULT 0
);

CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    tariff text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT an_email_belongs_to_one_user UNIQUE (email)
);

CREATE TYPE role AS ENUM ('owner', 'issuer', 'compliance', 'billing', 'auditor', 'developer');

CREATE TABLE members (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    role role NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_user_is_one_member UNIQUE (organisation_id, user_id)
);

CREATE INDEX members_user ON members (user_id);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    organisation_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    refresh_hash bytea NOT NULL,
    previous_hash bytea,
    rotated_at timestamptz NOT NULL,
    successor bytea,
    revoked_at timestamptz,
    CONSTRAINT a_session_acts_for_a_member
        FOREIGN KEY (organisation_id, user_id) REFERENCES members (organisation_id, user_id)
);

CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE api_keys (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    name text NOT NULL,
    live boolean NOT NULL,
    scopes text[] NOT NULL,
    secret_hash bytea NOT NULL,
    hint text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_key_is_made_by_a_member
        FOREIGN KEY (organisation_id, created_by) REFERENCES members (organisation_id, id)
);

-- A request shows a key's id before anybody knows whose it is.
CREATE INDEX api_keys_id ON api_keys (id);

-- Keys are hashes of address and source; whether anybody has that address, the row does not tell.
CREATE TABLE login_attempts (
    key bytea PRIMARY KEY,
    count integer NOT NULL CHECK (count >= 0),
    last_at timestamptz,
    locked_until timestamptz
);

CREATE INDEX login_attempts_last_at ON login_attempts (last_at);
