-- Months of the trail that have left the database, or are about to; and what must not leave.
-- An archive is of all organisations and says nothing of any: counts, digests, positions.
CREATE TABLE archives (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    state text NOT NULL CHECK (state IN ('archived', 'dropped', 'deleted')),
    -- Canonical JSON, byte by byte: its SHA-256 is in the event.
    manifest bytea NOT NULL,
    events bigint NOT NULL CHECK (events >= 0),
    lines bigint NOT NULL CHECK (lines >= 0),
    event_id uuid NOT NULL,
    archived_at timestamptz NOT NULL,
    dropped_at timestamptz,
    deleted_at timestamptz,
    certificate text,
    CONSTRAINT what_was_dropped_says_when CHECK ((state = 'archived') = (dropped_at IS NULL)),
    CONSTRAINT what_was_deleted_is_certified
        CHECK (num_nonnulls(deleted_at, certificate) = CASE WHEN state = 'deleted' THEN 2 ELSE 0 END)
);

GRANT SELECT, INSERT, UPDATE (state, dropped_at, deleted_at, certificate)
   ON archives TO tallystick_app;
GRANT SELECT ON archives TO tallystick_readonly;

CREATE TABLE legal_holds (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    subject text,
    since timestamptz,
    until timestamptz,
    reason text NOT NULL,
    placed_at timestamptz NOT NULL,
    lifted_at timestamptz,
    lifted_because text,
    CONSTRAINT legal_holds_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_hold_has_a_duration CHECK (since < until),
    CONSTRAINT what_was_lifted_says_why CHECK ((lifted_at IS NULL) = (lifted_because IS NULL))
);

CREATE INDEX legal_holds_placed ON legal_holds (placed_at) WHERE lifted_at IS NULL;

ALTER TABLE legal_holds ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON legal_holds
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT, INSERT, UPDATE (lifted_at, lifted_because) ON legal_holds TO tallystick_app;
GRANT SELECT ON legal_holds TO tallystick_readonly;
GRANT SELECT (organisation_id, id, placed_at, lifted_at) ON legal_holds TO tallystick_narrow;

-- Two more ways past row-level security, see 0007: which holds are in force, and how many rows of
-- all organisations a month has.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT ON journal TO tallystick_narrow;

CREATE FUNCTION narrow.legal_holds_placed() RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id
      FROM public.legal_holds AS hold
     WHERE hold.lifted_at IS NULL
     ORDER BY hold.placed_at, hold.organisation_id, hold.id
$$;

CREATE FUNCTION narrow.month_volume(since timestamptz, until timestamptz)
RETURNS TABLE (events bigint, lines bigint, strays bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT count(*) FROM public.audit_events AS event
             WHERE event.at >= since AND event.at < until),
           (SELECT count(*) FROM public.journal AS line
             WHERE line.at >= since AND line.at < until),
           (SELECT count(*) FROM public.audit_events AS event
             WHERE event.at >= since AND event.at < until
               AND event.tableoid = 'public.audit_events_default'::regclass)
$$;

ALTER FUNCTION narrow.legal_holds_placed() OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.month_volume(timestamptz, timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.legal_holds_placed() FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.month_volume(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.legal_holds_placed() TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.month_volume(timestamptz, timestamptz) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
