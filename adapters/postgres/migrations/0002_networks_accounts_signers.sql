CREATE TYPE network_class AS ENUM ('development', 'test', 'live');
CREATE TYPE network_family AS ENUM ('evm', 'algorand');
CREATE TYPE curve AS ENUM ('ed25519', 'secp256k1');

CREATE TABLE networks (
    id text PRIMARY KEY,  -- CAIP-2: names the chain id or the genesis hash
    name text NOT NULL,
    family network_family NOT NULL,
    class network_class NOT NULL,
    live boolean NOT NULL GENERATED ALWAYS AS (class = 'live') STORED,
    final_number bigint,
    final_hash text,
    halted text,
    CONSTRAINT a_final_block_has_a_hash CHECK ((final_number IS NULL) = (final_hash IS NULL)),
    -- What refers to (id, live) cannot be of the other mode.
    CONSTRAINT networks_have_one_mode UNIQUE (id, live)
);

CREATE TYPE account_state AS ENUM (
    'requested',  -- the worker has yet to create its key
    'ready',
    'failed',
    'disabled'
);

CREATE TABLE accounts (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    family network_family NOT NULL,
    live boolean NOT NULL,
    custodian text NOT NULL,
    state account_state NOT NULL,
    key_ref text,
    curve curve,
    public_key bytea,
    address text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT one_account_per_family_and_mode UNIQUE (organisation_id, family, live),
    CONSTRAINT accounts_have_one_mode UNIQUE (organisation_id, id, live),
    CONSTRAINT a_ready_account_has_its_key CHECK (
        state <> 'ready'
        OR (key_ref IS NOT NULL AND public_key IS NOT NULL AND address IS NOT NULL)
    ),
    CONSTRAINT a_public_key_has_a_curve CHECK ((public_key IS NULL) = (curve IS NULL))
);

CREATE INDEX accounts_requested ON accounts (created_at) WHERE state = 'requested';

-- Everything secret at rest, wrapped; useless without the wrapping key.
CREATE TABLE sealed_secrets (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    wrapping text NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (organisation_id, name)
);

CREATE TABLE signers (
    network text NOT NULL REFERENCES networks (id),
    address text NOT NULL,
    key_ref text NOT NULL,
    curve curve NOT NULL,
    public_key bytea NOT NULL,
    next_sequence bigint NOT NULL CHECK (next_sequence >= 0),
    slot_limit integer NOT NULL CHECK (slot_limit > 0),
    halted text,
    fence bigint NOT NULL DEFAULT 0,
    -- Database time, like all leases.
    lease_until timestamptz,
    PRIMARY KEY (network, address)
);
