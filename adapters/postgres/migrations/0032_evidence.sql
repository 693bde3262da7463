-- What was handed out as evidence: the rows of an operation as they were when it was asked for,
-- in canonical JSON.  The event `evidence.issued` of that number holds its digest.
CREATE TABLE evidence_packs (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    -- Of the event in its organisation's trail.
    sequence bigint NOT NULL CHECK (sequence > 0),
    event_id uuid NOT NULL,
    issued_at timestamptz NOT NULL,
    -- The organisation's events that belong to it, by number, without its own.
    events bigint[] NOT NULL
        CONSTRAINT evidence_has_its_events CHECK (cardinality(events) > 0),
    core bytea NOT NULL CONSTRAINT evidence_says_something CHECK (octet_length(core) > 0),
    CONSTRAINT evidence_packs_pkey PRIMARY KEY (organisation_id, operation_id, sequence),
    CONSTRAINT evidence_is_of_its_organisations_operation
        FOREIGN KEY (organisation_id, operation_id) REFERENCES operations (organisation_id, id)
);

CREATE UNIQUE INDEX an_event_is_of_one_evidence ON evidence_packs (organisation_id, sequence);

ALTER TABLE evidence_packs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belongs_to_the_scope ON evidence_packs
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT, INSERT ON evidence_packs TO tallystick_app;
GRANT SELECT ON evidence_packs TO tallystick_readonly;
