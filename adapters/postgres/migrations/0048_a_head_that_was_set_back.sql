-- A head that was set back gives numbers again that events have: the next events of the organisation
-- would never be sealed, and nothing said so.
--
-- `trouble` comes first, once for each organisation and kind, with the number where it begins:
--   missing      the organisation's head counts an event that is not there
--   repeated     a number has two events; the last sealed one is looked at too, which numbers that
--                were given again pass on their way to new ones
--   beyond_head  the head does not count an event that is sealed: it was set back
--   foreign      no transaction of this cluster can have written it: it was restored from another
-- What is before that number is sealed as ever; from there on the organisation waits.
--
-- A new log takes every event afresh, and the leaves of months whose events have gone to an
-- archive from the newest log that has them: a restore may have forgotten the last ones.
CREATE OR REPLACE FUNCTION narrow.unsealed_events(of_log integer, takes_restored boolean)
RETURNS TABLE (trouble text, organisation_id uuid, sequence bigint, event_id uuid, hash bytea)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH moved AS MATERIALIZED (
        SELECT head.organisation_id, head.sequence AS last, sealed.through
          FROM public.audit_heads AS head
         CROSS JOIN LATERAL (
               SELECT coalesce(max(leaf.sequence), 0) AS through
                 FROM public.audit_leaves AS leaf
                WHERE leaf.organisation_id = head.organisation_id
                  AND leaf.log = of_log) AS sealed
         WHERE head.sequence <> sealed.through
    ), behind AS MATERIALIZED (
        SELECT moved.organisation_id, moved.last, moved.through
          FROM moved
         WHERE moved.last > moved.through
    ), waiting AS (
        SELECT behind.organisation_id, behind.through, behind.last, event.sequence, event.id,
               event.sequence = behind.through AS is_sealed,
               event.sequence > behind.through
                   AND event.xid >= pg_snapshot_xmax(pg_current_snapshot()) AS is_foreign,
               CASE WHEN event.sequence = behind.through
                    THEN xid8 '0'
                    WHEN takes_restored
                     AND event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN xid8 '0'
                    ELSE event.xid
               END AS xid,
               -- What cannot have settled is not worth hashing.
               CASE WHEN event.sequence = behind.through
                    THEN NULL
                    WHEN event.xid < pg_snapshot_xmin(pg_current_snapshot())
                      OR event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN sha256(bytea '\x00' || convert_to('tallystick.audit.v1', 'UTF8')
                                || bytea '\x00' || event.salt || event.body)
               END AS hash
          FROM behind
          LEFT JOIN public.audit_events AS event
            ON event.organisation_id = behind.organisation_id
           AND event.sequence >= behind.through
        UNION ALL
        -- None for the first log; of a later one that has caught up, nothing lies above.
        SELECT behind.organisation_id, behind.through, behind.last, leaf.sequence, leaf.event_id,
               false, false, xid8 '0', leaf.hash
          FROM behind
         CROSS JOIN generate_series(1, of_log - 1) AS older (log)
          JOIN public.audit_leaves AS leaf
            ON leaf.organisation_id = behind.organisation_id
           AND leaf.log = older.log
           AND leaf.sequence > behind.through
         WHERE NOT EXISTS (
               SELECT
                 FROM public.audit_events AS event
                WHERE event.organisation_id = leaf.organisation_id
                  AND event.sequence = leaf.sequence)
           AND NOT EXISTS (
               SELECT
                 FROM public.audit_leaves AS newer
                WHERE newer.organisation_id = leaf.organisation_id
                  AND newer.log > leaf.log
                  AND newer.log < of_log
                  AND newer.sequence = leaf.sequence)
    ), numbered AS (
        SELECT waiting.*,
               max(waiting.xid) OVER organisation AS settles,
               -- The last sealed event, where it is there, takes the place of its own number.
               waiting.through + row_number() OVER organisation
                   - coalesce(bool_or(waiting.is_sealed) OVER organisation, false)::integer AS expected
          FROM waiting
        WINDOW organisation AS (PARTITION BY waiting.organisation_id ORDER BY waiting.sequence)
    ), told AS MATERIALIZED (
        SELECT numbered.*,
               -- The first that is not what comes next; NULL: there is none.  Of two events with
               -- one number the second is not, and its number is that of both.
               min(numbered.sequence) FILTER (WHERE numbered.sequence <> numbered.expected)
                   OVER (PARTITION BY numbered.organisation_id) AS broken
          FROM numbered
    ), troubles AS (
        SELECT CASE WHEN bool_or(told.sequence = told.broken AND told.sequence = told.expected)
                    THEN 'repeated'
                    ELSE 'missing'
               END AS trouble,
               told.organisation_id,
               coalesce(min(told.expected) FILTER (WHERE told.sequence = told.broken),
                        max(told.sequence) + 1,
                        min(told.expected)) AS sequence
          FROM told
         GROUP BY told.organisation_id, told.last
        HAVING max(told.sequence) IS DISTINCT FROM told.last OR bool_or(told.broken IS NOT NULL)
         UNION ALL
        SELECT 'beyond_head', moved.organisation_id, moved.last + 1
          FROM moved
         WHERE moved.last < moved.through
         UNION ALL
        SELECT 'foreign', told.organisation_id, min(told.sequence)
          FROM told
         WHERE told.is_foreign
           AND NOT takes_restored
         GROUP BY told.organisation_id
    )
    SELECT found.trouble, found.organisation_id, found.sequence, found.id, found.hash
      FROM (SELECT troubles.trouble, troubles.organisation_id, troubles.sequence,
                   NULL::uuid AS id, NULL::bytea AS hash, xid8 '0' AS settles
              FROM troubles
             UNION ALL
            SELECT NULL, told.organisation_id, told.sequence, told.id, told.hash, told.settles
              FROM told
             WHERE told.settles < pg_snapshot_xmin(pg_current_snapshot())
               AND (told.broken IS NULL OR told.sequence < told.broken)
               AND told.sequence > told.through) AS found
     ORDER BY found.trouble IS NULL, found.settles, found.organisation_id, found.sequence
$$;

-- Of a head that was set back, what waits is what has a number again whose leaf is another
-- event's.  It is looked for among the newest: whoever reads how far sealing is does not read
-- a whole trail.  Nothing may have come yet, and the organisation is counted once all the same.
CREATE OR REPLACE FUNCTION narrow.seal_backlog(of_log integer)
RETURNS TABLE (events bigint, since timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH moved AS MATERIALIZED (
        SELECT head.organisation_id, head.sequence AS last, sealed.through
          FROM public.audit_heads AS head
         CROSS JOIN LATERAL (
               SELECT coalesce(max(leaf.sequence), 0) AS through
                 FROM public.audit_leaves AS leaf
                WHERE leaf.organisation_id = head.organisation_id
                  AND leaf.log = of_log) AS sealed
         WHERE head.sequence <> sealed.through
    ), waiting AS (
        SELECT moved.last - moved.through AS events, event.at
          FROM moved
          LEFT JOIN public.audit_events AS event
            ON event.organisation_id = moved.organisation_id
           AND event.sequence = moved.through + 1
         WHERE moved.last > moved.through
         UNION ALL
        SELECT greatest(again.events, 1), again.since
          FROM moved
         CROSS JOIN LATERAL (
               SELECT count(*) AS events, min(newest.at) AS since
                 FROM (SELECT event.id, event.sequence, event.at
                         FROM public.audit_events AS event
                        WHERE event.organisation_id = moved.organisation_id
                          AND event.sequence <= moved.last
                        ORDER BY event.sequence DESC
                        LIMIT 1000) AS newest
                 JOIN public.audit_leaves AS leaf
                   ON leaf.organisation_id = moved.organisation_id
                  AND leaf.log = of_log
                  AND leaf.sequence = newest.sequence
                WHERE leaf.event_id <> newest.id) AS again
         WHERE moved.last < moved.through
    )
    SELECT coalesce(sum(waiting.events), 0)::bigint, min(waiting.at)
      FROM waiting
$$;
