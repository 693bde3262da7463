-- Where the trail begins is no row's word: whoever has the application's role writes rows of
-- archives, and what is before the beginning is compared with nothing.  A row counts if the
-- installation's trail has both events about it, with its manifest's digest and its month, and no
-- event of the month is there that is older than its dropping.  The newest dropped month's events
-- are always there: months are dropped in order, and these are of a later one.
--
-- One more way past row-level security, see 0007; it tells an instant, and asks about few rows.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT (month, state, manifest, event_id) ON archives TO tallystick_narrow;

CREATE FUNCTION narrow.trail_begins() RETURNS timestamptz
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    -- A body is canonical JSON: a text in it that says the same has other quotes.
    WITH gone AS (
        SELECT archive.month, archive.event_id,
               archive.month::timestamp AT TIME ZONE 'UTC' AS first,
               (archive.month + interval '1 month')::timestamp AT TIME ZONE 'UTC' AS next,
               convert_to('"digest":"' || encode(sha256(archive.manifest), 'hex') || '"', 'UTF8')
                   AS digest,
               convert_to('"month":"' || to_char(archive.month, 'YYYY-MM') || '"', 'UTF8') AS name
          FROM public.archives AS archive
         WHERE archive.state <> 'archived'
           AND archive.month < date '9999-01-01'
    )
    SELECT gone.next
      FROM gone
      JOIN public.audit_events AS archived
        ON archived.organisation_id = '00000000-0000-0000-0000-000000000000'
       AND archived.id = gone.event_id
       AND archived.at >= gone.next
      JOIN public.audit_events AS dropped
        ON dropped.organisation_id = archived.organisation_id
       AND dropped.subject = archived.subject
       AND dropped.sequence > archived.sequence
     WHERE archived.action = 'partition.archived'
       AND dropped.action = 'partition.dropped'
       AND position(gone.digest IN archived.body) > 0
       AND position(gone.name IN archived.body) > 0
       AND position(gone.digest IN dropped.body) > 0
       AND position(gone.name IN dropped.body) > 0
       -- What came late, from a machine whose clock is behind, does not bring the month back.
       AND NOT EXISTS (
           SELECT
             FROM public.audit_events AS event
            WHERE event.at >= gone.first
              AND event.at < gone.next
              AND event.xid < dropped.xid
              AND event.tableoid <> 'public.audit_events_default'::regclass)
     ORDER BY gone.month DESC
     LIMIT 1
$$;

ALTER FUNCTION narrow.trail_begins() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.trail_begins() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.trail_begins() TO tallystick_app, tallystick_readonly;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
