-- Exports of an organisation's trail.  The row is what was asked for and how far it is; the files
-- are elsewhere, under names that say what is in them.
CREATE TABLE exports (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    format text NOT NULL CHECK (format IN ('jsonl', 'csv', 'parquet')),
    since timestamptz,
    until timestamptz,
    actor text,
    action text,
    subject text,
    live boolean,
    correlation text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    -- The trail's end at that moment: what comes later does not belong to it.
    last_sequence bigint NOT NULL CHECK (last_sequence >= 0),
    state text NOT NULL DEFAULT 'under_way' CHECK (state IN ('under_way', 'finished', 'expired')),
    total bigint CHECK (total >= 0),
    written bigint NOT NULL DEFAULT 0 CHECK (written >= 0),
    -- SHA-256 of the manifest; the event's details have it too.
    digest bytea CHECK (octet_length(digest) = 32),
    event_id uuid,
    finished_at timestamptz,
    expires_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    CONSTRAINT exports_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT what_is_finished_has_a_manifest
        CHECK (num_nonnulls(digest, event_id, finished_at, expires_at)
               = CASE WHEN state = 'under_way' THEN 0 ELSE 4 END),
    CONSTRAINT what_is_finished_is_whole CHECK (state = 'under_way' OR written = total)
);

CREATE INDEX exports_under_way ON exports (requested_at) WHERE state = 'under_way';
CREATE INDEX exports_finished ON exports (expires_at) WHERE state = 'finished';

CREATE TABLE export_parts (
    organisation_id uuid NOT NULL,
    export_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    name text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    events bigint NOT NULL CHECK (events > 0),
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    CONSTRAINT export_parts_pkey PRIMARY KEY (organisation_id, export_id, number),
    CONSTRAINT a_part_has_a_place_in_the_trail CHECK (first_sequence <= last_sequence),
    FOREIGN KEY (organisation_id, export_id) REFERENCES exports (organisation_id, id)
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['exports', 'export_parts'] LOOP
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

GRANT UPDATE (state, total, written, digest, event_id, finished_at, expires_at, lease_token,
              lease_until) ON exports TO tallystick_app;
GRANT SELECT (organisation_id, id, state, requested_at, expires_at, lease_until)
   ON exports TO tallystick_narrow;

-- Two more ways past row-level security, see 0007: which exports wait, and which expire.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.exports_waiting(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT export.organisation_id, export.id
      FROM public.exports AS export
     WHERE export.state = 'under_way'
       AND (export.lease_until IS NULL OR export.lease_until <= clock_timestamp())
     ORDER BY export.requested_at, export.organisation_id, export.id
     LIMIT at_most
$$;

CREATE FUNCTION narrow.exports_over(now timestamptz, at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT export.organisation_id, export.id
      FROM public.exports AS export
     WHERE export.state = 'finished'
       AND export.expires_at <= now
     ORDER BY export.expires_at, export.organisation_id, export.id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.exports_waiting(integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.exports_over(timestamptz, integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.exports_waiting(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.exports_over(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.exports_waiting(integer) TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.exports_over(timestamptz, integer) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
