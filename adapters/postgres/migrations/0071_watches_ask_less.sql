-- As claim_operations (0068): rows are found along the queue's index and then by their places, also
-- where the plan was made while there was nothing; and no more of them than may be handed out.
-- Before, the planner could read all watches of all organisations for each organisation.
CREATE OR REPLACE FUNCTION narrow.claim_token_watches(
    now timestamptz, at_most integer, lease interval, again timestamptz
) RETURNS TABLE (organisation_id uuid, deployment_id uuid, token uuid)
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
    WITH RECURSIVE watching (organisation_id) AS (
        (SELECT watch.organisation_id
           FROM public.token_watches AS watch
          ORDER BY watch.organisation_id, watch.due_at, watch.deployment_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT watch.organisation_id
                  FROM public.token_watches AS watch
                 WHERE watch.organisation_id > watching.organisation_id
                 ORDER BY watch.organisation_id, watch.due_at, watch.deployment_id
                 LIMIT 1)
          FROM watching
         WHERE watching.organisation_id IS NOT NULL
    ), due AS (
        SELECT oldest.organisation_id, count(*) OVER () AS organisations
          FROM watching
         CROSS JOIN LATERAL (
               SELECT watch.organisation_id
                 FROM public.token_watches AS watch
                WHERE watch.organisation_id = watching.organisation_id
                  AND watch.due_at <= now
                  AND (watch.lease_until IS NULL OR watch.lease_until <= clock_timestamp())
                ORDER BY watch.due_at, watch.deployment_id
                LIMIT 1) AS oldest
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.deployment_id, oldest.due_at, oldest.place,
               row_number() OVER (PARTITION BY oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.deployment_id) AS turn
          FROM due
         CROSS JOIN LATERAL (
               SELECT watch.organisation_id, watch.deployment_id, watch.due_at,
                      watch.ctid AS place
                 FROM public.token_watches AS watch
                WHERE watch.organisation_id = due.organisation_id
                  AND watch.due_at <= now
                  AND (watch.lease_until IS NULL OR watch.lease_until <= clock_timestamp())
                ORDER BY watch.due_at, watch.deployment_id
                LIMIT 4 + 2 * greatest(at_most - due.organisations, 0)) AS oldest
         ORDER BY turn, oldest.due_at, oldest.organisation_id, oldest.deployment_id
    ), chosen AS MATERIALIZED (
        SELECT candidates.turn, candidates.due_at, candidates.place
          FROM candidates
         CROSS JOIN LATERAL (
               SELECT
                 FROM public.token_watches AS watch
                WHERE watch.ctid = candidates.place
                  AND watch.due_at <= now
                  AND (watch.lease_until IS NULL OR watch.lease_until <= clock_timestamp())
                  FOR UPDATE SKIP LOCKED) AS locked
         LIMIT at_most
    ), leased AS (
        UPDATE public.token_watches AS watch
           SET due_at = again,
               lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '10 minutes')
          FROM chosen
         WHERE watch.ctid = chosen.place
     RETURNING watch.organisation_id, watch.deployment_id, watch.lease_token,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.deployment_id, leased.lease_token
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.deployment_id
$$;
