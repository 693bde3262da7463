-- The end of each organisation's sequence; its lock is what makes the sequence free of gaps.
CREATE TABLE audit_heads (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0)
) WITH (fillfactor = 50);

-- A key of a partitioned table has to hold `at`; that a number is given once per organisation
-- follows from the head's lock.  Body and salt are what is hashed: bytes, never read as JSON here.
CREATE TABLE audit_events (
    organisation_id uuid NOT NULL REFERENCES audit_heads (organisation_id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    live boolean NOT NULL,
    salt bytea NOT NULL CHECK (octet_length(salt) = 16),
    body bytea NOT NULL,
    -- What the sealer orders by: below the horizon nothing can appear any more.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (organisation_id, sequence, at)
) PARTITION BY RANGE (at);

CREATE UNIQUE INDEX an_event_happens_once ON audit_events (organisation_id, id, at);
CREATE INDEX audit_events_subject ON audit_events (organisation_id, subject, sequence);

-- Holds what comes in a month nobody prepared: late housekeeping must not stop the business.
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

-- Written with its cause, deleted with its hand-over.
CREATE TABLE outbox (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    topic text NOT NULL,
    key text NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (organisation_id, id)
);

CREATE INDEX outbox_position ON outbox (position);

CREATE TABLE idempotency_keys (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    live boolean NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    -- What the answer was about.  No reference: an answer is remembered, whatever became of it.
    operation_id uuid,
    refusal jsonb,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, live, route, key),
    CONSTRAINT a_request_is_done_or_refused CHECK (num_nonnulls(operation_id, refusal) <= 1)
);

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- The reserved organisation that owns the treasury and the operator's events.
INSERT INTO organisations (id, name, tariff, created_at)
VALUES ('00000000-0000-0000-0000-000000000000', 'Installation', 'enterprise', now());
INSERT INTO wallets (organisation_id) VALUES ('00000000-0000-0000-0000-000000000000');
INSERT INTO audit_heads (organisation_id) VALUES ('00000000-0000-0000-0000-000000000000');
