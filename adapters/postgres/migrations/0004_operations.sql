CREATE TYPE operation_kind AS ENUM ('deployment', 'install_factory');
CREATE TYPE operation_state AS ENUM (
    'Queued',     -- accepted: credits are held, nothing is signed
    'Submitted',  -- signed bytes are stored; their outcome may be unknown
    'Pending',    -- a node has them
    'Confirmed',  -- final on chain, every step
    'Indexed',    -- read back, and equal to the plan
    'Completed',  -- final: the credits are captured
    'Failed',     -- may be queued again, where it proved to be without effect
    'Cancelled'   -- final: withdrawn before a slot was reserved
);
CREATE TYPE payer AS ENUM ('sponsored', 'self');
CREATE TYPE wait_reason AS ENUM (
    'queued', 'account_not_ready', 'approval', 'signer_unavailable', 'node_unavailable',
    'fee_above_ceiling', 'treasury_empty', 'in_mempool', 'finality', 'window_open',
    'unknown_outcome', 'operator', 'network_halted'
);
CREATE TYPE slot_state AS ENUM (
    'open',   -- an attempt may land in it at any moment
    'used',   -- open -> used: taken by the step's effect
    'spent',  -- open -> spent: taken by an attempt of ours without effect
    'lost'    -- open -> lost: taken by a transaction that is not ours
);
CREATE TYPE attempt_role AS ENUM ('effect', 'fill');
CREATE TYPE attempt_origin AS ENUM ('signed', 'found');

CREATE TABLE operations (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    kind operation_kind NOT NULL,
    network text NOT NULL,
    live boolean NOT NULL,
    requested_by text NOT NULL,
    payer payer NOT NULL,
    sender text NOT NULL,
    fee_ceiling numeric(78) NOT NULL CHECK (fee_ceiling >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    hold_id uuid,
    accepted_at timestamptz NOT NULL,
    state operation_state NOT NULL,
    result text,
    failure_reason text,
    failure_without_effect boolean,
    failure_detail text,
    waiting wait_reason,
    waiting_since timestamptz,
    -- The queue: when a worker looks at it next, by the business clock.
    due_at timestamptz,
    -- Who is at it, by the database's clock.
    lease_token uuid,
    lease_until timestamptz,
    lease_worker uuid,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT operations_have_one_mode UNIQUE (organisation_id, id, live),
    CONSTRAINT an_operation_has_its_networks_mode
        FOREIGN KEY (network, live) REFERENCES networks (id, live),
    -- The hold may be written after the operation in one transaction.
    CONSTRAINT an_operation_is_paid_by_its_organisation
        FOREIGN KEY (organisation_id, hold_id) REFERENCES holds (organisation_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    -- What the state machine promises, promised a second time; see also 0008.
    CONSTRAINT completed_has_a_token CHECK (
        state NOT IN ('Confirmed', 'Indexed', 'Completed') OR result IS NOT NULL
    ),
    CONSTRAINT failed_has_a_reason CHECK (
        (state = 'Failed') = (failure_reason IS NOT NULL)
        AND (state = 'Failed') = (failure_without_effect IS NOT NULL)
        AND (state = 'Failed') = (failure_detail IS NOT NULL)
    ),
    CONSTRAINT what_is_open_is_due CHECK (
        (state IN ('Completed', 'Failed', 'Cancelled')) = (due_at IS NULL)
    ),
    CONSTRAINT a_lease_has_an_end CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);

-- The queue, organisation by organisation, so that claiming can take turns between them.
CREATE INDEX operations_due ON operations (organisation_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX operations_accepted ON operations (organisation_id, accepted_at);

-- What is only a deployment's.
CREATE TABLE deployments (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    live boolean NOT NULL,
    account_id uuid,
    owner text,
    token_kind text NOT NULL,
    token_name text NOT NULL,
    token_symbol text NOT NULL,
    token_decimals integer NOT NULL CHECK (token_decimals >= 0),
    token_supply numeric(78) NOT NULL CHECK (token_supply >= 0),
    token_parameters jsonb NOT NULL,
    predicted text,
    plan_hash bytea,
    client_reference text,
    metadata jsonb NOT NULL,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_deployment_is_an_operation
        FOREIGN KEY (organisation_id, id, live) REFERENCES operations (organisation_id, id, live),
    CONSTRAINT a_deployment_has_its_accounts_mode
        FOREIGN KEY (organisation_id, account_id, live)
        REFERENCES accounts (organisation_id, id, live),
    CONSTRAINT a_client_reference_is_used_once UNIQUE (organisation_id, live, client_reference)
);

CREATE TABLE steps (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    name text NOT NULL,
    is_final boolean NOT NULL,
    -- Where an attempt was last seen; NULL again when the block vanishes.
    included_transaction_id text,
    included_block bigint,
    included_block_hash text,
    included_succeeded boolean,
    included_cost numeric(78),
    PRIMARY KEY (organisation_id, operation_id, number),
    FOREIGN KEY (organisation_id, operation_id) REFERENCES operations (organisation_id, id),
    CONSTRAINT an_inclusion_is_complete CHECK (
        num_nonnulls(included_transaction_id, included_block, included_block_hash,
                     included_succeeded, included_cost) IN (0, 5)
    ),
    CONSTRAINT a_final_step_succeeded CHECK (NOT is_final OR included_succeeded IS TRUE)
);

CREATE TABLE slots (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    step_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    network text NOT NULL REFERENCES networks (id),
    signer text NOT NULL,
    sequence bigint CHECK (sequence >= 0),
    lease bytea,
    valid_until bigint,
    state slot_state NOT NULL,
    -- Found on chain with the effect in it: a restored backup forgot who made it, and in what.
    is_adopted boolean NOT NULL,
    PRIMARY KEY (organisation_id, operation_id, step_number, number),
    FOREIGN KEY (organisation_id, operation_id, step_number)
        REFERENCES steps (organisation_id, operation_id, number),
    CONSTRAINT slot_is_a_nonce_or_a_lease CHECK (
        num_nonnulls(sequence, lease) = 1 OR (is_adopted AND num_nonnulls(sequence, lease) = 0)
    )
);

-- A new slot needs the old one provably dead.
CREATE UNIQUE INDEX one_open_slot_per_step
    ON slots (organisation_id, operation_id, step_number) WHERE state = 'open';

-- Across all organisations: they share the treasury's line.
CREATE UNIQUE INDEX a_nonce_is_given_once
    ON slots (network, signer, sequence) WHERE sequence IS NOT NULL;

-- The gap finder's: the lowest open nonce of a signer, and how many are open.
CREATE INDEX slots_open ON slots (network, signer, sequence) WHERE state = 'open';

CREATE TABLE attempts (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    step_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    slot_number integer NOT NULL,
    role attempt_role NOT NULL,
    origin attempt_origin NOT NULL,
    transaction_id text NOT NULL,
    raw bytea,
    body bytea NOT NULL,
    fee_cap numeric(78) NOT NULL CHECK (fee_cap >= 0),
    signed_at timestamptz NOT NULL,
    broadcast_at timestamptz,
    rejected text,
    -- What it cost in native base units, and the rate it was valued at.
    cost numeric(78),
    cost_rate numeric,
    cost_currency text,
    cost_rate_source text,
    cost_rate_at timestamptz,
    PRIMARY KEY (organisation_id, operation_id, step_number, number),
    FOREIGN KEY (organisation_id, operation_id, step_number, slot_number)
        REFERENCES slots (organisation_id, operation_id, step_number, number),
    CONSTRAINT what_we_signed_we_can_send_again CHECK (origin = 'found' OR raw IS NOT NULL)
);
