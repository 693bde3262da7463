-- The application's role said itself in which transaction an event was written, and a
-- `partition.dropped` of before all transactions made every month look gone.  The database says it.
REVOKE INSERT ON audit_events FROM tallystick_app;
GRANT INSERT (organisation_id, sequence, id, at, action, subject, live, salt, body)
   ON audit_events TO tallystick_app;

-- See 0050.  Months are dropped in order: none is gone while an event of its time, or of any before,
-- is in a partition.  No transaction is asked about, because after a restore their numbers are of
-- another cluster.  What is in the default partition came late, from a machine whose clock is behind.
CREATE OR REPLACE FUNCTION narrow.trail_begins() RETURNS timestamptz
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    -- A body is canonical JSON: a text in it that says the same has other quotes.
    WITH gone AS (
        SELECT archive.month, archive.event_id,
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
       AND NOT EXISTS (
           SELECT
             FROM public.audit_events AS event
            WHERE event.at < gone.next
              AND event.tableoid <> 'public.audit_events_default'::regclass)
     ORDER BY gone.month DESC
     LIMIT 1
$$;

-- As in 0007, but for what has left: a machine whose clock is behind made a partition for a month
-- that was dropped, and none after it could be dropped any more.
GRANT EXECUTE ON FUNCTION narrow.trail_begins() TO tallystick_migrator;

CREATE OR REPLACE FUNCTION narrow.prepare_month(month date) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '4s'
AS $$
DECLARE
    first timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', month::timestamp) + interval '1 month')
                        AT TIME ZONE 'UTC';
    history text;
    partition text;
BEGIN
    FOREACH history IN ARRAY ARRAY['journal', 'audit_events'] LOOP
        partition := format('%s_%s', history, to_char(month, 'YYYY_MM'));
        CONTINUE WHEN to_regclass(format('public.%I', partition)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtextextended('narrow.prepare_month', 0));
        -- Not to_regclass again: it may remember that there was none before we waited.
        CONTINUE WHEN EXISTS (SELECT
                                FROM pg_class
                               WHERE relname = partition
                                 AND relnamespace = 'public'::regnamespace);
        CONTINUE WHEN history = 'audit_events' AND first < narrow.trail_begins();
        BEGIN
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)',
                           partition, history);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY,'
                           ' FORCE ROW LEVEL SECURITY', partition);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I'
                           ' FOR VALUES FROM (%L) TO (%L)', history, partition, first, next);
        EXCEPTION WHEN check_violation THEN
            RAISE NOTICE '% has rows in its default partition already', partition;
        END;
    END LOOP;
END
$$;
