-- The drift monitor's queue: one row for each token that was issued.

CREATE TABLE token_watches (
    organisation_id uuid NOT NULL,
    deployment_id uuid NOT NULL,
    live boolean NOT NULL,
    -- When it is looked at next, by the business clock.
    due_at timestamptz NOT NULL,
    checked_at timestamptz,
    -- What was last told to differ: an array of texts.
    differences jsonb NOT NULL,
    -- Who is looking, by the database's clock.
    lease_token uuid,
    lease_until timestamptz,
    CONSTRAINT token_watches_pkey PRIMARY KEY (organisation_id, deployment_id),
    CONSTRAINT a_watch_is_of_its_organisations_deployment
        FOREIGN KEY (organisation_id, deployment_id, live)
        REFERENCES operations (organisation_id, id, live),
    CONSTRAINT differences_are_a_list CHECK (jsonb_typeof(differences) = 'array'),
    CONSTRAINT what_was_told_was_seen CHECK (checked_at IS NOT NULL OR differences = '[]'),
    CONSTRAINT a_look_has_an_end CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);

-- Organisation by organisation, so that claiming can take turns between them.
CREATE INDEX token_watches_due ON token_watches (organisation_id, due_at, deployment_id);

ALTER TABLE token_watches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belongs_to_the_scope ON token_watches
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT, INSERT, UPDATE (due_at, checked_at, differences, lease_token, lease_until)
   ON token_watches TO tallystick_app;
GRANT SELECT ON token_watches TO tallystick_readonly;
GRANT SELECT, UPDATE (due_at, lease_token, lease_until) ON token_watches TO tallystick_narrow;

-- Three more ways past row-level security; see 0007.
--
--   claim_token_watches   leases what is due, whoever's it is
--   unwatched_tokens      which issued tokens have no row here
--   watched_tokens        which have, page by page
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

-- As claim_operations: from organisation to organisation along the index, first what is first in
-- its organisation, tested again under its lock.
CREATE FUNCTION narrow.claim_token_watches(
    now timestamptz, at_most integer, lease interval, again timestamptz
) RETURNS TABLE (organisation_id uuid, deployment_id uuid, token uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE watching (organisation_id) AS (
        (SELECT watch.organisation_id
           FROM public.token_watches AS watch
          ORDER BY watch.organisation_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT watch.organisation_id
                  FROM public.token_watches AS watch
                 WHERE watch.organisation_id > watching.organisation_id
                 ORDER BY watch.organisation_id
                 LIMIT 1)
          FROM watching
         WHERE watching.organisation_id IS NOT NULL
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.deployment_id, oldest.due_at,
               row_number() OVER (PARTITION BY oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.deployment_id) AS turn
          FROM watching
         CROSS JOIN LATERAL (
               SELECT watch.organisation_id, watch.deployment_id, watch.due_at
                 FROM public.token_watches AS watch
                WHERE watch.organisation_id = watching.organisation_id
                  AND watch.due_at <= now
                  AND (watch.lease_until IS NULL OR watch.lease_until <= clock_timestamp())
                ORDER BY watch.due_at, watch.deployment_id
                LIMIT at_most * 4) AS oldest
    ), chosen AS MATERIALIZED (
        SELECT watch.organisation_id, watch.deployment_id, candidates.turn, candidates.due_at
          FROM public.token_watches AS watch
          JOIN candidates
            ON candidates.organisation_id = watch.organisation_id
           AND candidates.deployment_id = watch.deployment_id
         WHERE watch.due_at <= now
           AND (watch.lease_until IS NULL OR watch.lease_until <= clock_timestamp())
         ORDER BY candidates.turn, candidates.due_at, watch.organisation_id, watch.deployment_id
           FOR UPDATE OF watch SKIP LOCKED
         LIMIT at_most
    ), leased AS (
        UPDATE public.token_watches AS watch
           SET due_at = again,
               lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '10 minutes')
          FROM chosen
         WHERE watch.organisation_id = chosen.organisation_id
           AND watch.deployment_id = chosen.deployment_id
     RETURNING watch.organisation_id, watch.deployment_id, watch.lease_token,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.deployment_id, leased.lease_token
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.deployment_id
$$;

CREATE FUNCTION narrow.unwatched_tokens(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT operation.organisation_id, operation.id
      FROM public.operations AS operation
     WHERE operation.kind = 'deployment'
       AND operation.state = 'Completed'
       AND NOT EXISTS (SELECT
                         FROM public.token_watches AS watch
                        WHERE watch.organisation_id = operation.organisation_id
                          AND watch.deployment_id = operation.id)
     ORDER BY operation.organisation_id, operation.id
     LIMIT at_most
$$;

-- What no id comes before: the nil one, which no operation has, with the organisation's.
CREATE FUNCTION narrow.watched_tokens(
    after_organisation uuid, after_deployment uuid, at_most integer
) RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT watch.organisation_id, watch.deployment_id
      FROM public.token_watches AS watch
     WHERE (watch.organisation_id, watch.deployment_id) > (after_organisation, after_deployment)
     ORDER BY watch.organisation_id, watch.deployment_id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.claim_token_watches(timestamptz, integer, interval, timestamptz)
    OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.unwatched_tokens(integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.watched_tokens(uuid, uuid, integer) OWNER TO tallystick_narrow;

REVOKE ALL ON FUNCTION narrow.claim_token_watches(timestamptz, integer, interval, timestamptz)
    FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.unwatched_tokens(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.watched_tokens(uuid, uuid, integer) FROM PUBLIC;
GRANT EXECUTE
   ON FUNCTION narrow.claim_token_watches(timestamptz, integer, interval, timestamptz),
               narrow.unwatched_tokens(integer),
               narrow.watched_tokens(uuid, uuid, integer)
   TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
