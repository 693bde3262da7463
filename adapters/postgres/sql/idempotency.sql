-- name: try_lock
-- Tried, not waited for: whoever repeats a request that is being worked on is told so.
SELECT pg_try_advisory_xact_lock(
           hashtextextended(concat_ws('|', %(organisation)s::uuid, %(live)s::boolean,
                                      %(route)s::text, %(key)s::text), 1)) AS is_ours

-- name: select
SELECT fingerprint, operation_id, refusal, expires_at
  FROM idempotency_keys
 WHERE organisation_id = %(organisation)s
   AND live = %(live)s
   AND route = %(route)s
   AND key = %(key)s
   AND expires_at >= %(now)s

-- name: remember
-- What has expired gives way.
INSERT INTO idempotency_keys (organisation_id, live, route, key, fingerprint, operation_id,
                              refusal, expires_at)
VALUES (%(organisation)s, %(live)s, %(route)s, %(key)s, %(fingerprint)s, %(operation_id)s,
        %(refusal)s, %(expires_at)s)
    ON CONFLICT (organisation_id, live, route, key) DO UPDATE
   SET fingerprint = EXCLUDED.fingerprint,
       operation_id = EXCLUDED.operation_id,
       refusal = EXCLUDED.refusal,
       expires_at = EXCLUDED.expires_at

-- name: recall
SELECT live, route, key, fingerprint, operation_id, refusal, expires_at
  FROM idempotency_keys
  JOIN unnest(%(live)s::boolean[], %(routes)s::text[], %(keys)s::text[])
    AS asked (live, route, key) USING (live, route, key)
 WHERE organisation_id = %(organisation)s
   AND expires_at >= %(now)s

-- name: purge
SELECT narrow.purge_idempotency_keys(%(before)s) AS count
