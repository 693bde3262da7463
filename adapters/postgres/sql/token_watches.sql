-- name: insert
INSERT INTO token_watches (organisation_id, deployment_id, live, due_at, checked_at, differences)
VALUES (%(organisation_id)s, %(deployment_id)s, %(live)s, %(due_at)s, %(checked_at)s,
        %(differences)s)
    ON CONFLICT DO NOTHING

-- name: select
SELECT organisation_id, deployment_id, live, due_at, checked_at, differences
  FROM token_watches
 WHERE organisation_id = %(organisation)s
   AND deployment_id = %(id)s

-- name: lock
SELECT organisation_id, deployment_id, live, due_at, checked_at, differences
  FROM token_watches
 WHERE organisation_id = %(organisation)s
   AND deployment_id = %(id)s
   FOR UPDATE

-- name: update
-- The lease is tested where the row is locked, and by the clock that gave it.
UPDATE token_watches
   SET due_at = %(due_at)s,
       checked_at = %(checked_at)s,
       differences = %(differences)s,
       lease_token = NULL,
       lease_until = NULL
 WHERE organisation_id = %(organisation_id)s
   AND deployment_id = %(deployment_id)s
   AND lease_token = %(token)s
   AND lease_until > clock_timestamp()

-- name: take
SELECT organisation_id, deployment_id, token
  FROM narrow.claim_token_watches(%(now)s, %(limit)s, %(lease)s, %(again)s)

-- name: claim
UPDATE token_watches
   SET due_at = %(again)s,
       lease_token = gen_random_uuid(),
       lease_until = clock_timestamp() + %(lease)s
 WHERE organisation_id = %(organisation)s
   AND deployment_id = %(id)s
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING organisation_id, deployment_id, lease_token AS token

-- name: unwatched
SELECT organisation_id, id FROM narrow.unwatched_tokens(%(limit)s)

-- name: all
SELECT organisation_id, id
  FROM narrow.watched_tokens(%(organisation_id)s, %(deployment_id)s, %(limit)s)
