-- What waits for nothing but its turn is handed out apart from all else: what is under way ends,
-- and gives a signer's slot back that others wait for.  And it can be left where it is, network by
-- network, for a moment in which none of it could begin.  So each organisation's queue is as many
-- lines as it has networks to begin on, and one of all else, which has no name.
--
-- Lines are in the order of their bytes: an index in an order of the system's may be wrong after the
-- system's next release, and what is walked past would never be handed out.
--
-- A release before claims with claim_operations_and_causes, along the index of before.
--
-- The index is built in one look at the table, of what is open only; a migration is one
-- transaction, and who writes meanwhile waits for it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX operations_due_by_line
    ON operations (organisation_id,
                   (CASE WHEN state = 'Queued' AND waiting = 'queued'
                         THEN network ELSE '' END COLLATE "C"),
                   due_at, id)
 WHERE due_at IS NOT NULL;

GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

-- As claim_operations (0068) within each of the two; *queued_first* says which comes first.  What
-- waits for its turn on *full_networks* is left.
CREATE FUNCTION narrow.claim_from_lines(
    now timestamptz, at_most integer, lease interval, worker uuid, queued_first boolean,
    full_networks text[]
) RETURNS TABLE (organisation_id uuid, operation_id uuid, token uuid, request_id text,
                 traceparent text)
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
    WITH RECURSIVE queue AS NOT MATERIALIZED (
        SELECT operation.organisation_id, operation.id, operation.due_at, operation.lease_until,
               operation.ctid AS place,
               CASE WHEN operation.state = 'Queued' AND operation.waiting = 'queued'
                    THEN operation.network ELSE '' END COLLATE "C" AS line
          FROM public.operations AS operation
         WHERE operation.due_at IS NOT NULL
    ), lines (organisation_id, line) AS (
        (SELECT queue.organisation_id, queue.line
           FROM queue
          ORDER BY queue.organisation_id, queue.line, queue.due_at, queue.id
          LIMIT 1)
        UNION ALL
        SELECT following.organisation_id, following.line
          FROM lines
         CROSS JOIN LATERAL (
               SELECT queue.organisation_id, queue.line
                 FROM queue
                WHERE (queue.organisation_id, queue.line) > (lines.organisation_id, lines.line)
                ORDER BY queue.organisation_id, queue.line, queue.due_at, queue.id
                LIMIT 1) AS following
    ), due AS MATERIALIZED (
        SELECT lines.organisation_id, lines.line, lines.line <> '' AS queued
          FROM lines
         CROSS JOIN LATERAL (
               SELECT
                 FROM queue
                WHERE queue.organisation_id = lines.organisation_id
                  AND queue.line = lines.line
                  AND queue.due_at <= now
                  AND (queue.lease_until IS NULL OR queue.lease_until <= clock_timestamp())
                ORDER BY queue.due_at, queue.id
                LIMIT 1) AS oldest
         WHERE lines.line <> ALL (full_networks)
    ), asking AS MATERIALIZED (
        SELECT due.queued, count(DISTINCT due.organisation_id) AS organisations
          FROM due
         GROUP BY due.queued
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.id, oldest.due_at, oldest.place, due.queued,
               row_number() OVER (PARTITION BY due.queued, oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.id) AS turn
          FROM due
          JOIN asking ON asking.queued = due.queued
         CROSS JOIN LATERAL (
               SELECT queue.organisation_id, queue.id, queue.due_at, queue.place
                 FROM queue
                WHERE queue.organisation_id = due.organisation_id
                  AND queue.line = due.line
                  AND queue.due_at <= now
                  AND (queue.lease_until IS NULL OR queue.lease_until <= clock_timestamp())
                ORDER BY queue.due_at, queue.id
                LIMIT 4 + 2 * greatest(at_most - asking.organisations, 0)) AS oldest
         ORDER BY due.queued = queued_first DESC, turn, oldest.due_at, oldest.organisation_id,
                  oldest.id
    ), chosen AS MATERIALIZED (
        SELECT candidates.queued, candidates.turn, candidates.due_at, candidates.place
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
               operation.request_id, operation.traceparent,
               chosen.queued, chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.id, leased.lease_token, leased.request_id,
           leased.traceparent
      FROM leased
     ORDER BY leased.queued = queued_first DESC, leased.turn, leased.due_at,
              leased.organisation_id, leased.id
$$;

ALTER FUNCTION narrow.claim_from_lines(timestamptz, integer, interval, uuid, boolean, text[])
    OWNER TO tallystick_narrow;
REVOKE ALL
    ON FUNCTION narrow.claim_from_lines(timestamptz, integer, interval, uuid, boolean, text[])
  FROM PUBLIC;
GRANT EXECUTE
   ON FUNCTION narrow.claim_from_lines(timestamptz, integer, interval, uuid, boolean, text[])
   TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
