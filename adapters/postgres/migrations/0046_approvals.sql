-- Whose deployments a second member approves, and what became of it.
CREATE TABLE approval_policies (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    needed boolean NOT NULL
);

CREATE TABLE approvals (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    operation_id uuid NOT NULL,
    plan_hash bytea NOT NULL CHECK (octet_length(plan_hash) = 32),
    asked_by uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('pending', 'approved', 'rejected')),
    decided_by uuid,
    decided_at timestamptz,
    CONSTRAINT approvals_pkey PRIMARY KEY (organisation_id, operation_id),
    CONSTRAINT an_approval_is_of_an_operation
        FOREIGN KEY (organisation_id, operation_id) REFERENCES operations (organisation_id, id),
    CONSTRAINT nobody_approves_what_they_asked_for
        CHECK (verdict <> 'approved' OR decided_by <> asked_by),
    CONSTRAINT a_verdict_is_somebodys
        CHECK (num_nonnulls(decided_by, decided_at)
               = CASE verdict WHEN 'pending' THEN 0 ELSE 2 END)
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['approval_policies', 'approvals'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO tallystick_app', tenant);
        EXECUTE format('GRANT SELECT ON %I TO tallystick_readonly', tenant);
    END LOOP;
END
$$;

GRANT UPDATE (needed) ON approval_policies TO tallystick_app;
GRANT UPDATE (plan_hash, asked_by, asked_at, expires_at, verdict, decided_by, decided_at)
   ON approvals TO tallystick_app;
