-- As before (0007), with fewer candidates where many organisations wait: of each as many as there
-- would have to be if all were handed out by turns, four times over, so that rows which other
-- workers are locking are passed by; and at least one.  Each is looked up by its key, whatever the
-- statistics say of a queue that was empty a moment ago.
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
AS $$
    WITH RECURSIVE waiting (organisation_id) AS (
        (SELECT operation.organisation_id
           FROM public.operations AS operation
          WHERE operation.due_at IS NOT NULL
          ORDER BY operation.organisation_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT operation.organisation_id
                  FROM public.operations AS operation
                 WHERE operation.due_at IS NOT NULL
                   AND operation.organisation_id > waiting.organisation_id
                 ORDER BY operation.organisation_id
                 LIMIT 1)
          FROM waiting
         WHERE waiting.organisation_id IS NOT NULL
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.id, oldest.due_at,
               row_number() OVER (PARTITION BY oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.id) AS turn
          FROM waiting
         CROSS JOIN LATERAL (
               SELECT operation.organisation_id, operation.id, operation.due_at
                 FROM public.operations AS operation
                WHERE operation.organisation_id = waiting.organisation_id
                  AND operation.due_at <= now
                  AND (operation.lease_until IS NULL
                       OR operation.lease_until <= clock_timestamp())
                ORDER BY operation.due_at, operation.id
                LIMIT 1 + at_most * 4 / (SELECT count(*) FROM waiting)) AS oldest
    ), chosen AS MATERIALIZED (
        SELECT operation.organisation_id, operation.id, candidates.turn, candidates.due_at
          FROM public.operations AS operation
          JOIN candidates
            ON candidates.organisation_id = operation.organisation_id
           AND candidates.id = operation.id
         WHERE operation.due_at <= now
           AND (operation.lease_until IS NULL OR operation.lease_until <= clock_timestamp())
         ORDER BY candidates.turn, candidates.due_at, operation.organisation_id, operation.id
           FOR UPDATE OF operation SKIP LOCKED
         LIMIT at_most
    ), leased AS (
        UPDATE public.operations AS operation
           SET lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '1 minute'),
               lease_worker = worker
          FROM chosen
         WHERE operation.organisation_id = chosen.organisation_id
           AND operation.id = chosen.id
     RETURNING operation.organisation_id, operation.id, operation.lease_token,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.id, leased.lease_token
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.id
$$;
