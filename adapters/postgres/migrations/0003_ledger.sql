CREATE TYPE ledger_account AS ENUM (
    'issued:plan', 'issued:pack', 'issued:promo', 'issued:gift',
    'available', 'held', 'spent', 'expired', 'debt', 'adjust', 'transit'
);
CREATE TYPE lot_source AS ENUM ('plan', 'pack', 'promo', 'gift');
CREATE TYPE hold_state AS ENUM (
    'held',
    'captured',  -- held -> captured: the effect exists
    'released'   -- held -> released: proven that there is none
);

-- The one row that every command of an organisation locks.  No index on what changes, and room
-- on the page, so that its updates stay in place.
CREATE TABLE wallets (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    available bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    -- Number of the last journal line: under this row's lock, lines are numbered without gaps.
    version bigint NOT NULL DEFAULT 0,
    CONSTRAINT a_wallet_is_never_overdrawn CHECK (available >= 0),
    CONSTRAINT what_is_held_was_available CHECK (held >= 0)
) WITH (fillfactor = 50);

CREATE TABLE lots (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    id uuid NOT NULL,
    source lot_source NOT NULL,
    priority integer NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    remaining bigint NOT NULL,
    effective_at timestamptz NOT NULL,
    expires_at timestamptz,
    fact text NOT NULL CHECK (fact <> ''),
    unit_cost_micros bigint,
    currency text,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_fact_grants_once UNIQUE (organisation_id, fact),
    CONSTRAINT a_lot_has_no_more_than_it_had CHECK (remaining BETWEEN 0 AND amount)
) WITH (fillfactor = 80);

CREATE TABLE holds (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    id uuid NOT NULL,
    subject uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    captured bigint NOT NULL,
    state hold_state NOT NULL,
    held_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT no_more_is_captured_than_was_held CHECK (captured BETWEEN 0 AND amount),
    CONSTRAINT only_a_capture_captures CHECK (state = 'captured' OR captured = 0),
    CONSTRAINT a_closed_hold_says_when CHECK ((state = 'held') = (closed_at IS NULL))
);

CREATE INDEX holds_open ON holds (organisation_id) WHERE state = 'held';

-- Which lots a hold took from, in burn order; a release walks it backwards.
CREATE TABLE hold_lots (
    organisation_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    position integer NOT NULL,
    lot_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, hold_id, position),
    FOREIGN KEY (organisation_id, hold_id) REFERENCES holds (organisation_id, id),
    FOREIGN KEY (organisation_id, lot_id) REFERENCES lots (organisation_id, id)
);

-- One row is a debit and a credit, so an unbalanced entry cannot be written.  A key of a
-- partitioned table has to hold `at`; that a number is given once per organisation follows from
-- the wallet's lock and version.
CREATE TABLE journal (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    at timestamptz NOT NULL,
    debit ledger_account NOT NULL,
    credit ledger_account NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    action text NOT NULL,
    hold_id uuid,
    lot_id uuid,
    actor text NOT NULL,
    subject uuid,
    PRIMARY KEY (organisation_id, sequence, at),
    CONSTRAINT a_posting_moves_between_two_accounts CHECK (debit <> credit),
    FOREIGN KEY (organisation_id, hold_id) REFERENCES holds (organisation_id, id),
    FOREIGN KEY (organisation_id, lot_id) REFERENCES lots (organisation_id, id)
) PARTITION BY RANGE (at);

-- Holds what comes in a month nobody prepared: late housekeeping must not stop the business.
CREATE TABLE journal_default PARTITION OF journal DEFAULT;
