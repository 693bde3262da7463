-- What is counted, so that all processes share one limit; and what was told of licences.

-- One row for each member or API key that changes something.  No index on what changes, and room
-- on the page, so that its updates stay in place.
CREATE TABLE throttles (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    subject text NOT NULL CHECK (subject <> ''),
    -- Requests that were let through in the last minute: the second since 1970, and how many.
    seconds bigint[] NOT NULL DEFAULT '{}',
    counts integer[] NOT NULL DEFAULT '{}',
    premium_at timestamptz,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failed_at timestamptz,
    blocked_until timestamptz,
    -- Which rule's biting was told when.
    told text[] NOT NULL DEFAULT '{}',
    told_at timestamptz[] NOT NULL DEFAULT '{}',
    CONSTRAINT throttles_pkey PRIMARY KEY (organisation_id, subject),
    CONSTRAINT a_second_has_a_count CHECK (cardinality(seconds) = cardinality(counts)),
    CONSTRAINT what_was_told_was_told_at_a_time
        CHECK (cardinality(told) = cardinality(told_at)),
    CONSTRAINT who_is_blocked_has_failed CHECK (blocked_until IS NULL OR failed_at IS NOT NULL)
) WITH (fillfactor = 50);

-- Written under the wallet's lock only.
CREATE TABLE spendings (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    subject text NOT NULL CHECK (subject <> ''),
    bucket_starts timestamptz[] NOT NULL,
    bucket_credits bigint[] NOT NULL,
    alerted_at timestamptz,
    frozen_until timestamptz,
    CONSTRAINT spendings_pkey PRIMARY KEY (organisation_id, subject),
    CONSTRAINT a_bucket_has_credits
        CHECK (cardinality(bucket_starts) = cardinality(bucket_credits)),
    CONSTRAINT an_hour_has_twelve_buckets CHECK (cardinality(bucket_starts) <= 12),
    CONSTRAINT who_is_frozen_was_told_of
        CHECK (frozen_until IS NULL OR alerted_at IS NOT NULL)
) WITH (fillfactor = 50);

-- Written under the wallet's lock only.  The state itself follows from facts: this is what the
-- trail said last, and when it will have something else to say.
CREATE TABLE licences (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    arranged_at timestamptz,
    told text NOT NULL,
    due_at timestamptz,
    CONSTRAINT licences_pkey PRIMARY KEY (organisation_id),
    CONSTRAINT a_licence_is_in_a_state
        CHECK (told IN ('active', 'trial', 'payment_failed', 'suspended', 'cancelled'))
);

CREATE INDEX licences_due ON licences (due_at) WHERE due_at IS NOT NULL;

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['throttles', 'spendings', 'licences'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
    END LOOP;
END
$$;

GRANT SELECT, INSERT,
      UPDATE (seconds, counts, premium_at, failures, failed_at, blocked_until, told, told_at)
   ON throttles TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (bucket_starts, bucket_credits, alerted_at, frozen_until)
   ON spendings TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (arranged_at, told, due_at) ON licences TO tallystick_app;
GRANT SELECT ON throttles, spendings, licences TO tallystick_readonly;
GRANT SELECT ON licences TO tallystick_narrow;

-- One more way past row-level security; see 0007.
--
--   due_licences   whose licence changes by time alone
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.due_licences(now timestamptz, at_most integer)
RETURNS TABLE (organisation_id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT licence.organisation_id
      FROM public.licences AS licence
     WHERE licence.due_at <= now
     ORDER BY licence.due_at, licence.organisation_id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.due_licences(timestamptz, integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.due_licences(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.due_licences(timestamptz, integer) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
