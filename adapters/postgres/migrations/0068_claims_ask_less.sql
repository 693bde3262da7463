-- As before (0007), with fewer candidates.  Where more organisations have something due than are
-- handed out, each can have one; else as many more as are left.  A few more of each are passed by
-- where others have them locked: one transaction that hangs keeps no organisation waiting.
--
-- PostgreSQL keeps plans, and may have made this one while the queue was empty: rows are found
-- along the queue's index, for it alone has their order and nothing is to be sorted where that can
-- be helped, and then by their places.  A row that has moved since is left for the next look.
-- Before PostgreSQL 18 a sort that is needed all the same costs so much by these settings that it
-- would be compiled.
CREATE OR REPLACE FUNCTION narrow.claim_operations(
    now timestamptz, at_most integer, lease interval, worker uuid
) RETURNS TABLE (organisation_id uuid, operation_id uuid, token uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_bitmapscan = off
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
    WITH RECURSIVE waiting (organisation_id) AS (
        (SELECT operation.organisation_id
           FROM public.operations AS operation
          WHERE operation.due_at IS NOT NULL
          ORDER BY operation.organisation_id, operation.due_at, operation.id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT operation.organisation_id
                  FROM public.operations AS operation
                 WHERE operation.due_at IS NOT NULL
                   AND operation.organisation_id > waiting.organisation_id
                 ORDER BY operation.organisation_id, operation.due_at, operation.id
                 LIMIT 1)
          FROM waiting
         WHERE waiting.organisation_id IS NOT NULL
    ), due AS (
        SELECT oldest.organisation_id, count(*) OVER () AS organisations
          FROM waiting
         CROSS JOIN LATERAL (
               SELECT operation.organisation_id
                 FROM public.operations AS operation
                WHERE operation.organisation_id = waiting.organisation_id
                  AND operation.due_at <= now
                  AND (operation.lease_until IS NULL
                       OR operation.lease_until <= clock_timestamp())
                ORDER BY operation.due_at, operation.id
                LIMIT 1) AS oldest
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.id, oldest.due_at, oldest.place,
               row_number() OVER (PARTITION BY oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.id) AS turn
          FROM due
         CROSS JOIN LATERAL (
               SELECT operation.organisation_id, operation.id, operation.due_at,
                      operation.ctid AS place
                 FROM public.operations AS operation
                WHERE operation.organisation_id = due.organisation_id
                  AND operation.due_at <= now
                  AND (operation.lease_until IS NULL
                       OR operation.lease_until <= clock_timestamp())
                ORDER BY operation.due_at, operation.id
                LIMIT 4 + 2 * greatest(at_most - due.organisations, 0)) AS oldest
         ORDER BY turn, oldest.due_at, oldest.organisation_id, oldest.id
    ), chosen AS MATERIALIZED (
        SELECT candidates.organisation_id, candidates.id, candidates.turn, candidates.due_at,
               candidates.place
          FROM candidates
         CROSS JOIN LATERAL (
               SELECT
                 FROM public.operations AS operation
                WHERE operation.ctid = candidates.place
                  AND operation.due_at <= now
                  AND (operation.lease_until IS NULL
                       OR operation.lease_until <= clock_timestamp())
                  FOR UPDATE SKIP LOCKED) AS locked
         LIMIT at_most
    ), leased AS (
        UPDATE public.operations AS operation
           SET lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '1 minute'),
               lease_worker = worker
          FROM chosen
         WHERE operation.ctid = chosen.place
     RETURNING operation.organisation_id, operation.id, operation.lease_token,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.id, leased.lease_token
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.id
$$;
