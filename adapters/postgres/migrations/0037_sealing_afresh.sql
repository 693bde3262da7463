-- A new log takes every event afresh, and months whose events have gone to an archive are not in
-- the table any more.  Their leaves are: they stay for ever, and the new log takes those of the
-- log before it.
CREATE OR REPLACE FUNCTION narrow.unsealed_events(of_log integer, takes_restored boolean)
RETURNS TABLE (trouble text, organisation_id uuid, sequence bigint, event_id uuid, hash bytea)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH behind AS MATERIALIZED (
        SELECT head.organisation_id, head.sequence AS last, sealed.through
          FROM public.audit_heads AS head
         CROSS JOIN LATERAL (
               SELECT coalesce(max(leaf.sequence), 0) AS through
                 FROM public.audit_leaves AS leaf
                WHERE leaf.organisation_id = head.organisation_id
                  AND leaf.log = of_log) AS sealed
         WHERE head.sequence > sealed.through
    ), waiting AS (
        SELECT behind.organisation_id, behind.last, event.sequence, event.id,
               event.xid >= pg_snapshot_xmax(pg_current_snapshot()) AS is_foreign,
               CASE WHEN takes_restored
                     AND event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN xid8 '0'
                    ELSE event.xid
               END AS xid,
               -- What cannot have settled is not worth hashing.
               CASE WHEN event.xid < pg_snapshot_xmin(pg_current_snapshot())
                      OR event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN sha256(bytea '\x00' || convert_to('tallystick.audit.v1', 'UTF8')
                                || bytea '\x00' || event.salt || event.body)
               END AS hash
          FROM behind
          LEFT JOIN public.audit_events AS event
            ON event.organisation_id = behind.organisation_id
           AND event.sequence > behind.through
        UNION ALL
        -- None for the first log; of a later one that has caught up, nothing lies above.
        SELECT behind.organisation_id, behind.last, leaf.sequence, leaf.event_id, false,
               xid8 '0', leaf.hash
          FROM behind
          JOIN public.audit_leaves AS leaf
            ON leaf.organisation_id = behind.organisation_id
           AND leaf.log = of_log - 1
           AND leaf.sequence > behind.through
         WHERE of_log > 1
           AND NOT EXISTS (
               SELECT
                 FROM public.audit_events AS event
                WHERE event.organisation_id = leaf.organisation_id
                  AND event.sequence = leaf.sequence)
    ), settling AS (
        SELECT waiting.*,
               max(waiting.xid) OVER (PARTITION BY waiting.organisation_id
                                          ORDER BY waiting.sequence) AS settles,
               max(waiting.sequence) OVER (PARTITION BY waiting.organisation_id) AS found
          FROM waiting
    ), told AS (
        SELECT settling.*,
               CASE WHEN settling.found IS DISTINCT FROM settling.last THEN 'missing'
                    WHEN settling.is_foreign AND NOT takes_restored THEN 'foreign'
               END AS trouble
          FROM settling
    )
    SELECT told.trouble, told.organisation_id, told.sequence, told.id, told.hash
      FROM told
     WHERE (told.settles < pg_snapshot_xmin(pg_current_snapshot()) AND told.sequence IS NOT NULL)
        OR told.trouble IS NOT NULL
     ORDER BY told.trouble IS NULL, told.settles, told.organisation_id, told.sequence
$$;
